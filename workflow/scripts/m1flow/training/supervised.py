"""Supervised training of a student: a dataset's examples, and the loop over them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m1flow.files import parquet
from m1flow.models.folder import model_id
from m1flow.models.formats import Formatter, TrainingExample
from m1flow.models.tokenizers import load_tokenizer, tokenizer_fingerprint
from m1flow.study.settings.student_training import StudentTraining
from m1flow.training.launch import sharded
from m1flow.training.method import TrainedStudent, TrainingTask
from m1flow.training.packing import check_shared
from m1flow.training.preparation import prepared_examples, total_steps
from m1flow.training.tokenised import Prepared
from m1flow.training.weights import load_padded_tokenizer, load_weights

if TYPE_CHECKING:
    from m1flow.training.checkpoints import Checkpoints

log = logging.getLogger(__name__)


def dataset_examples(task: TrainingTask) -> Iterable[TrainingExample]:
    """A dataset's examples: its own token ids if tokenizer and format are the base's, else its texts tokenised again.

    Raises:
        M1FlowError: the dataset can't be read.
    """
    columns = ["prompt", "reasoning", "answer", "prompt_tokens", "thinking_tokens", "answer_tokens"]
    dataset, base, markers = task.dataset, task.base, task.markers
    made_by = parquet.read_provenance(dataset).get("parameters", {}) if Path(dataset).is_file() else {}
    if made_by.get("tokenizer") == tokenizer_fingerprint(base) and made_by.get("format") == markers.dump():
        rows = parquet.read_table(dataset, "datasets", [*columns[3:], "input_ids"])
        log.info("%s: its token ids are used, since its tokenizer and format are the student's", dataset)
        return (
            TrainingExample(ids, prompt, thinking, answer, "")
            for prompt, thinking, answer, ids in rows.itertuples(index=False)
        )
    formatter = Formatter(load_tokenizer(base), task.student.format, markers)
    rows = parquet.read_table(dataset, "datasets", columns[:3])
    return (formatter.example(*row) for row in rows.itertuples(index=False))


def train_on(task: TrainingTask, examples: Iterable[TrainingExample]) -> TrainedStudent:
    """Train a student on examples; the loss counts all tokens after an example's ``prompt_tokens``.

    Raises:
        M1FlowError: no example is left; a setting doesn't work on this machine; the loss isn't finite or diverges; a
            checkpoint can't be written.
        SystemExit: the run was told to stop; a checkpoint is saved.
    """
    from m1flow.training.loop import Run, reports_to, run_sft, trainer_arguments

    training, lora, computation = task.student.training, task.lora, task.computation
    tokenizer = load_padded_tokenizer(task.base)
    prepared = prepared_examples(examples, training, task.name, task.dataset)
    run = Run(
        *(task.name, training, total_steps(training, prepared.counts["examples"], where=task.name), lora, task.seed),
        computation=computation,
        checkpoints=_checkpoints(task, prepared),
        reports=reports_to(computation.report_to, computation.reports),
    )
    arguments = trainer_arguments(run)  # joins the processes, which load the weights together
    check_shared(training.batch_size, prepared.counts["examples"], arguments.world_size)
    # If all weights are trained, they stay in float32 for any arithmetic: in bfloat16, small updates would be lost.
    precision = training.precision if lora is not None else "float32"
    model = load_weights(task.base, precision, lora.quantize if lora else "none")
    trainer, curve = run_sft(run, arguments, model, tokenizer, prepared)
    return TrainedStudent(trainer=trainer, curve=curve, counts=prepared.counts, steps=run.steps)


def learning_identity(student: StudentTraining, seed: int) -> dict[str, Any]:
    """The settings that decide what a student learns from given examples, for checkpoints' fingerprints.

    There, sft is named after the weights that it trains: under another name, runs interrupted earlier could not go on.
    """
    trained = student.adapters or "full"
    return {
        "training": student.training.dump(),
        "method": trained if student.method == "sft" else f"{student.method}, {trained}",
        "lora": student.lora.dump() if student.adapters else None,
        "seed": seed,
    }


def _checkpoints(task: TrainingTask, prepared: Prepared) -> Checkpoints | None:
    from m1flow.training.checkpoints import Checkpoints

    if task.computation.checkpoints is None:
        return None
    return Checkpoints.of_run(
        task.computation.checkpoints,
        learning_identity(task.student, task.seed),
        base=model_id(task.base),
        examples=prepared.fingerprint(),
        sharded=sharded(),
    )
