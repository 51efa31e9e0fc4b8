"""Base models from random weights: a tokenizer and weights made from a corpus."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files import parquet
from m1flow.files.atomic import atomic_folder
from m1flow.files.provenance import provenance
from m1flow.models.formats import Formatter, TrainingExample
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.training import random_weights
from m1flow.training.preparation import prepared_examples, total_steps
from m1flow.training.records import naming_full_disks, write_records
from m1flow.training.tokenizer import train_tokenizer

log = logging.getLogger(__name__)


def train_base(
    corpus: Path | str,
    out: Path | str,
    *,
    name: str,
    base: BaseSettings,
    formats: Mapping[str, FormatSettings],
    seed: int,
) -> None:
    """Make a base model: a tokenizer from the corpus, random weights, then training on the corpus.

    Practice is answered in formats drawn at random, without thinking, so that the base answers directly in whichever
    format it is asked.

    Args:
        corpus: a Parquet file with columns prompt, completion and kind.
        out: the model folder to write; an old one is replaced.
        name: the base's name, for messages and the model card.
        base: its entry of the study: ``architecture`` and ``training``.
        formats: the study's reasoning formats by name.
        seed: the seed for weights, order and dropout.

    Raises:
        M1FlowError: the corpus can't be read or is empty; a setting is wrong; the loss isn't finite.
    """
    rows = _read_corpus(corpus)
    if base.architecture is None or base.training is None:
        raise M1FlowError(
            f"bases.{name}: architecture or training is missing; only a base with both can be trained here"
        )
    architecture, training = base.architecture, base.training
    texts = [*rows["prompt"], *rows["completion"], *_frames(formats)]
    tokenizer = train_tokenizer(texts, architecture.vocabulary)
    direct = Formatter(tokenizer, "direct", FormatSettings())
    formatters = [Formatter(tokenizer, key, settings) for key, settings in formats.items()] or [direct]
    rng = random.Random(seed)
    examples = [
        _answer_only((direct if kind == "fact" else rng.choice(formatters)).example(prompt, None, completion))
        for prompt, completion, kind in rows.itertuples(index=False)
    ]
    prepared = prepared_examples(examples, training, name, corpus)
    settings = {
        "kind": "base",
        "name": name,
        "architecture": architecture.dump(),
        "training": training.dump(),
        "formats": {key: entry.dump() for key, entry in formats.items()},
        "seed": seed,
    }

    from m1flow.training.loop import Run, run_sft, trainer_arguments

    run = Run(name, training, total_steps(training, prepared.counts["examples"], where=name), None, seed)
    model = random_weights.init_base(architecture, tokenizer, seed)
    log.info("%s: %d parameters, %d tokens in the vocabulary", name, model.num_parameters(), len(tokenizer))
    trainer, curve = run_sft(run, trainer_arguments(run), model, tokenizer, prepared)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    trained.config.use_cache = True  # the trainer turned it off, which would also apply to generation
    with naming_full_disks(out), atomic_folder(out) as folder:
        trained.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        counts = prepared.counts | {"parameters": trained.num_parameters(), "steps": run.steps}
        write_records(folder, {"settings": settings, "counts": counts}, curve, provenance(settings, [corpus]))


def _read_corpus(path: Path | str) -> pd.DataFrame:
    """The prompt, completion and kind of a corpus's rows."""
    rows = parquet.read_table(path, "corpora")
    if rows.empty:
        raise M1FlowError(f"{path}: no rows, so nothing to train on; enlarge bases.<name>.corpus in the config")
    return rows


def _answer_only(example: TrainingExample) -> TrainingExample:
    """The example with everything before its answer as the prompt: a base learns to answer, not to choose a format."""
    return replace(example, prompt_tokens=len(example.input_ids) - example.answer_tokens - 1)


def _frames(formats: Mapping[str, FormatSettings]) -> list[str]:
    """The words around the data (roles, the formats' texts), so that the tokenizer learns them too."""
    markers = [text for entry in formats.values() for _, text in sorted(entry.dump().items())]
    texts = [text for text in markers if isinstance(text, str)]
    return 2 * ["system\nuser\nassistant\n", *texts]
