"""Training by trl and peft: a base from random weights on its corpus, a student from a base on a dataset.

A run is one function of settings and folders, whatever started it, so that a launcher can start it in many processes.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import random
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m1flow import bases, storage
from m1flow.corpus import read_corpus
from m1flow.errors import M1FlowError
from m1flow.examples import Prepared, prepare
from m1flow.formats import Example, Formatter, tokenizer_fingerprint
from m1flow.launch import Place, sharded
from m1flow.model_card import data_of, licence_of, model_card
from m1flow.model_folder import atomic_folder, copy_tokenizer, model_id, seal
from m1flow.packing import check_shared
from m1flow.tokenizers import train_tokenizer

if TYPE_CHECKING:
    from m1flow.loss_curve import LossCurve

log = logging.getLogger(__name__)

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def set_up(threads: int) -> None:
    """What a process that trains does first: so many CPU threads for PyTorch, and a log without progress bars."""
    import torch
    from transformers.utils import logging as transformers_logging

    torch.set_num_threads(threads)
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    if int(os.environ.get("RANK", 0)):  # the first process speaks for all
        logging.getLogger().setLevel(logging.ERROR)


def train_base(
    corpus: Path | str,
    out: Path | str,
    *,
    name: str,
    spec: Mapping[str, Any],
    formats: Mapping[str, Mapping],
    seed: int,
) -> None:
    """Make a base model: a tokenizer from the corpus, random weights, then training on the corpus.

    Practice is answered in formats drawn at random, without thinking, so that the base answers directly
    whichever format asks it to.

    Args:
        corpus: a Parquet file with columns prompt, completion and kind.
        out: the model folder to write; an old one is replaced.
        name: the base's name, for messages and the model card.
        spec: the base's entry of the study: ``architecture`` and ``training``.
        formats: the study's reasoning formats by name.
        seed: of weights, order and dropout.

    Raises:
        M1FlowError: the corpus can't be read or is empty; a setting is wrong; the loss isn't finite.
    """
    rows = read_corpus(corpus)
    architecture, training = spec["architecture"], spec["training"]
    texts = [*rows["prompt"], *rows["completion"], *_frames(formats)]
    tokenizer = train_tokenizer(texts, architecture["vocabulary"])
    plain = Formatter(tokenizer, "direct", {})
    formatters = [Formatter(tokenizer, key, settings) for key, settings in formats.items()] or [plain]
    rng = random.Random(seed)
    examples = [
        _answer_only((plain if kind == "fact" else rng.choice(formatters)).example(prompt, None, completion))
        for prompt, completion, kind in rows.itertuples(index=False)
    ]
    prepared = _prepared(examples, training, name, corpus)
    settings = {"kind": "base", "name": name, "architecture": architecture, "training": training, "formats": formats}
    settings["seed"] = seed

    from m1flow.sft import Run, run_sft, trainer_arguments

    run = Run(name, training, total_steps(training, prepared.counts["examples"], where=name), None, seed)
    model = bases.init_base(architecture, tokenizer, seed)
    log.info("%s: %d parameters, %d tokens in the vocabulary", name, model.num_parameters(), len(tokenizer))
    trainer, curve = run_sft(run, trainer_arguments(run), model, tokenizer, prepared)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    trained.config.use_cache = True  # the trainer turned it off, and generation would obey
    with _disk(out), atomic_folder(out) as folder:
        trained.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        counts = prepared.counts | {"parameters": trained.num_parameters(), "steps": run.steps}
        _write_records(folder, {"settings": settings, "counts": counts}, curve, storage.provenance(settings, [corpus]))


def fine_tune(
    base: Path | str,
    dataset: Path | str,
    out: Path | str,
    *,
    name: str,
    spec: Mapping[str, Any],
    format_name: str,
    format_spec: Mapping[str, str],
    seed: int,
    base_name: str | None = None,
    place: Place | None = None,
) -> None:
    """Fine-tune a base on a dataset of traces; the loss falls on the assistant's turn only.

    Called by every process of a run; the first writes the model.

    Args:
        base: the base's model folder.
        dataset: a datasets table.
        out: the model folder to write, complete also for LoRA (merged); an old one is replaced.
        name: the student's name, for messages and the model card.
        spec: the student's entry of the study: ``method`` ("full" or "lora"), ``training``, ``lora``.
        format_name: the reasoning format's name.
        format_spec: the reasoning format.
        seed: of order, adapters and dropout.
        base_name: what the card calls the base; its folder's name by default.
        place: where to compute and to keep checkpoints; the CPU without any by default.

    Raises:
        M1FlowError: base or dataset can't be read, or hold nothing; a setting is wrong or can't be had on this
            machine; the loss isn't finite or diverges; a checkpoint can't be written.
        SystemExit: told to stop; a checkpoint is saved.
    """
    place = place or Place()
    training = spec["training"]
    precision = training.get("precision", "float32")
    lora = spec.get("lora", {}) if spec.get("method", "full") == "lora" else None
    tokenizer = bases.load_padded_tokenizer(base)
    formatter = Formatter(tokenizer, format_name, dict(format_spec))
    prepared = _prepared(_examples(dataset, base, formatter, format_spec), training, name, dataset)
    settings = {"kind": "student", "name": name, "training": training, "format": {format_name: format_spec}}
    settings |= {"base": str(base), "method": "full" if lora is None else "lora", "lora": lora, "seed": seed}

    from m1flow.sft import Run, reports_to, run_sft, trainer_arguments

    run = Run(
        *(name, training, total_steps(training, prepared.counts["examples"], where=name), lora, seed),
        place=place,
        checkpoints=_checkpoints(place, settings, base, prepared),
        reports=reports_to(place.report_to, place.reports),
    )
    arguments = trainer_arguments(run)  # joins the processes, which load the weights together
    check_shared(training.get("batch_size", 16), prepared.counts["examples"], arguments.world_size)
    # Trained in full, weights stay in float32 whatever the arithmetic: in bfloat16, small updates would be lost.
    model = bases.load_weights(base, precision if lora is not None else "float32", (lora or {}).get("quantize", "none"))
    with _disk(place.reports or out):  # a tracker's files are all that training writes without a name
        trainer, curve = run_sft(run, arguments, model, tokenizer, prepared)

    from m1flow import trained

    whole = trained.weights(trainer, precision)
    if not trainer.accelerator.is_main_process:
        return
    record = {"settings": settings, "licence": licence_of(base), "data": data_of(dataset)}
    record |= {"base_model": base_name or Path(base).name, "processes": arguments.world_size}
    provenance = storage.provenance(settings, [dataset]) | {"base": model_id(base, precision)}
    with _disk(out), atomic_folder(out) as folder:
        model = trained.save(trainer, whole, base, folder, precision, keep=bool((lora or {}).get("keep_adapter")))
        copy_tokenizer(base, folder)
        record["counts"] = prepared.counts | {"parameters": model.num_parameters(), "steps": run.steps}
        _write_records(folder, record, curve, provenance)
    if place.checkpoints is not None:
        shutil.rmtree(place.checkpoints, ignore_errors=True)


def _examples(
    dataset: Path | str, base: Path | str, formatter: Formatter, format_spec: Mapping[str, str]
) -> Iterable[Example]:
    """A dataset's examples: its own token ids where tokenizer and format are the base's, else its texts anew."""
    columns = ["prompt", "reasoning", "answer", "prompt_tokens", "thinking_tokens", "answer_tokens"]
    made_by = storage.read_provenance(dataset).get("parameters", {}) if Path(dataset).is_file() else {}
    if made_by.get("tokenizer") == tokenizer_fingerprint(base) and made_by.get("format") == dict(format_spec):
        rows = storage.read_table(dataset, "datasets", [*columns[3:], "input_ids"])
        log.info("%s: its token ids are the base's", dataset)
        return (
            Example(ids, prompt, thinking, answer, "") for prompt, thinking, answer, ids in rows.itertuples(index=False)
        )
    rows = storage.read_table(dataset, "datasets", columns[:3])
    return (formatter.example(*row) for row in rows.itertuples(index=False))


def _prepared(examples: Iterable[Example], training: Mapping[str, Any], name: str, where: Path | str) -> Prepared:
    prepared = prepare(examples, training.get("max_length", 32768), training.get("overlong", "drop"), name)
    if not prepared.counts["examples"]:
        raise M1FlowError(
            f"{where}: no example of at most {training.get('max_length')} tokens is left to train {name} on; "
            "raise training.max_length, or give more data"
        )
    return prepared


def _checkpoints(place: Place, settings: Mapping[str, Any], base: Path | str, prepared: Prepared) -> Any:
    from m1flow.checkpoints import Checkpoints

    if place.checkpoints is None:
        return None
    return Checkpoints.of_run(
        place.checkpoints,
        {key: settings[key] for key in ("training", "method", "lora", "seed")},
        base=model_id(base),
        examples=prepared.fingerprint(),
        sharded=sharded(),
    )


@contextlib.contextmanager
def _disk(out: Path | str) -> Iterator[None]:
    """A full disk, said as it is: what writes weights raises no OSError, and others one that names no file."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        reason = " ".join(str(error).split())[:160]
        raise M1FlowError(f"{out}: the model can't be written ({reason}); free the disk, then run again") from error
    except OSError as error:
        if error.filename or error.errno not in _DISK_ERRORS:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(out)) from error


def _write_records(folder: Path, record: dict[str, Any], curve: LossCurve, provenance: Mapping[str, Any]) -> None:
    """What a model folder says of how it came about."""
    record["counts"] |= {"seen_tokens": curve.tokens}
    record |= {"seconds": round(curve.seconds, 1), "final_loss": curve.losses[-1]["loss"]}
    storage.write_json(folder / "m1flow" / "training.json", record)
    storage.write_json(folder / "m1flow" / "provenance.json", provenance)
    (folder / "m1flow" / "loss.csv").write_text(curve.csv(), encoding="utf-8")
    seal(folder)
    (folder / "README.md").write_text(model_card(record, curve.csv()), encoding="utf-8")


def total_steps(training: Mapping[str, Any], examples: int, where: str = "training") -> int:
    """Optimiser steps: ``steps`` as they are, or ``epochs`` over so many examples, in batches of ``batch_size``.

    Raises:
        M1FlowError: neither or both are given.
    """
    steps, epochs = training.get("steps"), training.get("epochs")
    if (steps is None) == (epochs is None):
        raise M1FlowError(f"{where}: training: give either steps or epochs")
    return steps or max(1, math.ceil(epochs * math.ceil(examples / training.get("batch_size", 16))))


def _answer_only(example: Example) -> Example:
    """The example with all before its answer as the prompt: a base learns to answer, not which format to choose."""
    return replace(example, prompt_tokens=len(example.input_ids) - example.answer_tokens - 1)


def _frames(formats: Mapping[str, Mapping]) -> list[str]:
    """The words around the data (roles, the formats' texts), so that the tokenizer learns them too."""
    texts = [text for settings in formats.values() for text in settings.values()]
    return 2 * ["system\nuser\nassistant\n", *texts]
