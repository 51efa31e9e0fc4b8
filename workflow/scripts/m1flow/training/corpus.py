"""The corpus of a base model made from random weights: facts, and questions answered directly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files import parquet
from m1flow.questions import formulary
from m1flow.questions.prompts import prompt_text
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.text.boxes import boxed
from m1flow.text.letters import LETTERS

WAYS = ("train", "solve", "evaluate")
"""The prompts with which models are asked later; the base is trained on all of them."""


def build_corpus(
    settings: CorpusSettings,
    prompts: Mapping[str, str],
    *,
    world: FormularySettings | None = None,
    pool: Path | str | None = None,
    seed: int = 0,
) -> list[dict[str, str]]:
    """The rows of a corpus: prompt, completion and kind ("fact" or "practice").

    Args:
        settings: the base's ``corpus``; the questions of its sources in the pool are also answered directly: by letter,
            as models answer real ones.
        prompts: the study's prompts, which are used in turn.
        world: the formulary; needed for facts and practice.
        pool: the questions left after decontamination; needed for sources.
        seed: the seed for facts and practice.

    Raises:
        M1FlowError: the pool can't be read, or the corpus would be empty.
    """
    ask = _asker(prompts)
    rows: list[dict[str, str]] = []
    if settings.facts or settings.practice:
        if world is None:
            raise M1FlowError("bases: corpus: facts and practice need a formulary; add the section `formulary`")
        rows += formulary.corpus(world, settings, ask, seed)
    if settings.sources:
        if pool is None:
            raise M1FlowError("bases: corpus: sources need the pool; give the pool, or remove sources")
        questions = parquet.read_table(pool, "questions")
        for question in questions[questions["source"].isin(settings.sources)].to_dict("records"):
            answer = boxed(LETTERS[question["answer_index"]])
            rows.append({"prompt": ask(question), "completion": answer, "kind": "practice"})
    if not rows:
        raise M1FlowError("bases: corpus: empty; give facts, practice or sources")
    return rows


def _asker(prompts: Mapping[str, str]) -> Callable[[Mapping[str, Any]], str]:
    """A function that turns questions into user turns, by each of the study's prompts in turn."""
    ways = {prompts[way]: way for way in WAYS}
    turn = itertools.cycle(ways.values())
    return lambda question: prompt_text(question, prompts, next(turn))
