"""The training loop: trl's SFTTrainer on token ids, packed or padded, resumable, on any number of devices."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.utils import FusedCausalLMOutput

from m1flow.models.gpus import avoid_slow_attention
from m1flow.study.settings.training import LoraSettings, TrainingSettings
from m1flow.training import kernels
from m1flow.training.checkpoints import STOPPED, Checkpoints, StopSignal
from m1flow.training.collator import StepCollator
from m1flow.training.launch import Computation, sharded
from m1flow.training.loss_curve import LossCurve
from m1flow.training.packages import installed, require
from m1flow.training.packing import PackingPlan
from m1flow.training.tokenised import IGNORED_LABEL, Prepared

log = logging.getLogger(__name__)

OPTIMIZERS = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit"}


@dataclass(frozen=True)
class Run:
    """The settings of a training run, apart from its model and examples.

    Attributes:
        name: the student's or base's name, for messages.
        training: the config's ``training``.
        steps: number of optimiser steps.
        lora: the config's ``lora``; None trains all weights.
        seed: the seed for order, adapters and dropout.
        computation: where and how the run computes.
        checkpoints: checkpoints to save and resume from; None saves none.
        reports: names of trackers in transformers (tensorboard, wandb, trackio).
    """

    name: str
    training: TrainingSettings
    steps: int
    lora: LoraSettings | None
    seed: int
    computation: Computation = field(default_factory=Computation)
    checkpoints: Checkpoints | None = None
    reports: Sequence[str] = ()


def run_sft(
    run: Run,
    arguments: SFTConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Prepared,
) -> tuple[SFTTrainer, LossCurve]:
    """Train a model on examples.

    Args:
        run: the run's settings.
        arguments: the arguments from `trainer_arguments`, made before the model is loaded.
        model: the model, which is changed.
        tokenizer: the tokenizer, for padding.
        examples: token ids, and the starts of the loss.

    Returns:
        The trainer, which holds the trained model (adapters not yet merged), and its loss curve.

    Raises:
        M1FlowError: the loss isn't finite or diverges; a checkpoint can't be written; a setting doesn't work here.
        SystemExit: the run was told to stop; a checkpoint is saved.
    """
    disable_progress_bars()
    training, processes = run.training, arguments.world_size
    attention = kernels.attention(training, run.computation.on_gpu, model.config)
    model.set_attn_implementation(attention)
    if run.computation.on_gpu:
        avoid_slow_attention()
    flat, packing = kernels.takes_boundaries(attention), training.packing
    device_tokens = run.computation.device_tokens
    plan = PackingPlan(
        [len(ids) for ids in examples.input_ids],
        training.batch_size,
        run.steps,
        run.seed,
        processes=processes,
        packing=packing,
        device_tokens=device_tokens,
        row_tokens=device_tokens if flat else None,
    )
    steps_measured = min(run.steps, 20)
    padding = 0 if flat else 100 * sum(map(plan.padding, range(steps_measured))) / steps_measured
    message = "%s: %d steps of %d examples on %d process(es) by %s, %.0f %% padding"
    log.info(message, run.name, run.steps, plan.batch_size, processes, attention, padding)
    curve = LossCurve(run.name, run.steps, speaks=arguments.process_index == 0)
    # Seed here for the adapters, which the trainer makes before it sets its seed.
    torch.manual_seed(run.seed)
    with tempfile.TemporaryDirectory(prefix="m1flow-") as scratch, StopSignal(run.checkpoints is not None) as stop:
        arguments.output_dir = scratch
        trainer = _Trainer(
            model=model,
            args=arguments,
            data_collator=StepCollator(plan, examples, tokenizer.pad_token_id, flat),
            train_dataset=Dataset.from_dict({"item": range(run.steps * processes)}),
            processing_class=tokenizer,
            peft_config=None if run.lora is None else _adapters(run.lora),
            callbacks=[curve],
        )
        trainer.prepare(run, curve, stop)
        last = run.checkpoints.last() if run.checkpoints else None
        if last is not None:
            log.info("%s: continues from %s", run.name, last)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    if trainer.state.global_step < run.steps:
        log.info("%s: told to stop at step %d; saved; rerun to continue", run.name, trainer.state.global_step)
        sys.exit(STOPPED)
    return trainer, curve


def trainer_arguments(run: Run) -> SFTConfig:
    """The trainer's settings; making them joins the processes of the run."""
    training = run.training
    scheduler = training.scheduler
    betas = training.betas
    optimizer = training.optimizer
    if optimizer == "adamw_8bit":
        require(optimizer, "training: optimizer")
    return SFTConfig(
        output_dir=tempfile.gettempdir(),
        max_steps=run.steps,
        # One item of the data is one process's share of an optimiser step, which the plan has cut into micro-batches.
        per_device_train_batch_size=1,
        gradient_accumulation_steps=1,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        learning_rate=training.learning_rate,
        lr_scheduler_type="constant_with_warmup" if scheduler == "constant" else scheduler,
        warmup_steps=math.ceil(training.warmup * run.steps),
        optim=OPTIMIZERS[optimizer],
        weight_decay=training.weight_decay,
        adam_beta1=betas[0],
        adam_beta2=betas[1],
        max_grad_norm=training.max_grad_norm,
        seed=run.seed,
        data_seed=run.seed,
        use_cpu=not run.computation.on_gpu,
        bf16=training.precision == "bfloat16",
        # Always use transformers' own checkpointing: accelerate's renames layers, so that saved adapters would not be
        # found.
        gradient_checkpointing=run.computation.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        ddp_find_unused_parameters=False,
        use_liger_kernel=kernels.use_liger(training, run.computation.on_gpu),
        # Token ids and labels are final: trl must not tokenise, truncate or mask them again.
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",  # the callback below saves by the clock
        report_to=list(run.reports) or "none",
        run_name=run.name,
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=run.computation.on_gpu,
    )


def reports_to(report_to: str, folder: Path | None) -> tuple[str, ...]:
    """The trackers to report to, as transformers names them.

    Args:
        report_to: "none", a tracker, or "auto" for TensorBoard if it is installed.
        folder: folder for TensorBoard's files.

    Raises:
        M1FlowError: the tracker isn't installed.
    """
    if report_to == "none" or (report_to == "auto" and not installed("tensorboard")):
        return ()
    tracker = "tensorboard" if report_to == "auto" else report_to
    require(tracker, "report_to")
    if tracker == "tensorboard" and folder is not None:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder)
    return (tracker,)


def _adapters(lora: LoraSettings) -> LoraConfig:
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # declared as a whole number; it is only a factor
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


class _Trainer(SFTTrainer):
    """trl's trainer, fed whole optimiser steps, with a loss over labelled tokens only and checkpoints by the clock."""

    def prepare(self, run: Run, curve: LossCurve, stop: StopSignal) -> None:
        """Set what the trainer needs in addition to transformers' arguments."""
        self._run, self._curve = run, curve
        if sharded() and run.training.precision == "bfloat16":
            # accelerate would also add up the processes' gradients, and hand out the losses, in bfloat16.
            policy = MixedPrecisionPolicy(torch.bfloat16, reduce_dtype=torch.float32, output_dtype=torch.float32)
            self.accelerator.state.fsdp_plugin.mixed_precision_policy = policy
        self.add_callback(_Saving(self, stop))
        self.remove_callback(PrinterCallback)
        if not run.computation.on_gpu:
            _score_labelled_only(self.accelerator.unwrap_model(self.model))

    def get_batch_samples(self, epoch_iterator: Iterator, num_batches: int, device: torch.device) -> tuple[list, int]:
        """One optimiser step's share, and the labelled tokens of the whole step."""
        share = next(epoch_iterator)
        return [share], share["labelled"]

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Run every micro-batch of the share forward and backward; processes share gradients after the last."""
        total = torch.zeros((), device=self.args.device)
        for left, micro in reversed(list(enumerate(reversed(inputs["micro"])))):
            # Sharded weights have no room for whole gradients, so these are shared after each micro-batch.
            skip_sync = left > 0 and not self.is_fsdp_enabled
            with self.accelerator.no_sync(model) if skip_sync else contextlib.nullcontext():
                total += super().training_step(model, micro, num_items_in_batch)
        return total

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """The sum of the labelled tokens' losses, divided by their number in the whole step."""
        outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        # Gradients are averaged over processes, but the loss is a sum over all their tokens.
        return -outputs.log_probs.sum() / num_items_in_batch * self.accelerator.num_processes

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Return 0, since tokens are counted instead."""
        return 0

    def _track_num_input_tokens(self, inputs: dict[str, Any]) -> None:
        self.state.num_input_tokens_seen += inputs["tokens"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Record the number of tokens seen with each loss."""
        super().log(logs | self._curve.point(self.state, logs), start_time)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        checkpoints, step = self._run.checkpoints, self.state.global_step
        assert checkpoints is not None  # otherwise, nothing asks for a checkpoint
        first, together = self.args.process_index == 0, self.accelerator.wait_for_everyone
        with checkpoints.saving(step, first=first, together=together) as folder:
            self.args.output_dir = str(folder)
            super(SFTTrainer, self)._save_checkpoint(model, trial)  # trl's own would write a model card beside it
        log.info("%s: saved %s", self._run.name, checkpoints.last())


class _Saving(TrainerCallback):
    """Requests a checkpoint at intervals, and a last one when the run is told to stop, on all processes together."""

    def __init__(self, trainer: _Trainer, stop: StopSignal):
        self._trainer, self._stop = trainer, stop
        self._saved = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Request a checkpoint after an optimiser step, if one is due."""
        run = self._trainer._run
        if run.checkpoints is None or state.global_step >= run.steps:
            return
        due = time.monotonic() - self._saved >= 60 * run.computation.checkpoint_minutes
        flags = torch.tensor([self._stop.came, due], dtype=torch.int32, device=args.device)
        if args.world_size > 1:
            torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX)
        stop, due = flags.tolist()
        if stop or due:
            control.should_save = True
            control.should_training_stop = bool(stop)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Restart the clock for the next checkpoint."""
        self._saved = time.monotonic()


def _score_labelled_only(model: PreTrainedModel) -> None:
    """On a CPU, project only labelled positions to the vocabulary, as trl's fused loss does on a GPU.

    On a CPU, trl's own loss projects every position, prompts and padding included, which takes half of a tiny model's
    step.
    """
    inner: Any = model
    model = inner.get_base_model() if hasattr(inner, "get_base_model") else model
    original = model.forward

    def forward(self: Any, *args: Any, fused_lm_head: bool = False, labels: Any = None, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return original(*args, labels=labels, **kwargs)
        hidden = self.base_model(*args, **kwargs).last_hidden_state
        labelled = labels[:, 1:] != IGNORED_LABEL
        logits = self.get_output_embeddings()(hidden[:, :-1][labelled])
        losses = cross_entropy(logits.float(), labels[:, 1:][labelled], reduction="none")
        return FusedCausalLMOutput(log_probs=-losses)

    model.forward = types.MethodType(forward, model)
