"""A few of the explorer's questions, step by step, for readers without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m1flow.report.cue_wording import by_cue
from m1flow.text.shown import clean

EXAMPLES = 4
"""Number of questions shown, each of a different category."""

LONGEST_THINKING = 1200
"""Maximum number of characters shown of the thinking under one budget."""


@dataclass(frozen=True)
class ShownStep:
    """The result of one budget or one forced extension.

    Attributes:
        label: the setting in words.
        tokens: thinking tokens used.
        cut: whether the budget cut the thinking.
        thinking: the thinking under this budget; None if it was not stored.
        answer: the answer's text.
        verdict: one of `trace_cuts.VERDICTS`.
    """

    label: str
    tokens: int
    cut: bool
    thinking: str | None
    answer: str
    verdict: str


@dataclass(frozen=True)
class StaticExample:
    """One question, and how a model's answer changes."""

    category: str
    benchmark: str
    stem: str
    options: list[str]
    gold: int
    steps: list[ShownStep]


def examples(content: Mapping[str, Any], model: int) -> list[StaticExample]:
    """The first question of each category, up to EXAMPLES questions.

    Args:
        content: what the explorer packs.
        model: place, among the models, of the one whose thinking is shown.
    """
    found: dict[int, Mapping[str, Any]] = {}
    for question in content["questions"]:
        if model in question["m"]:
            found.setdefault(question["m"][model][0], question)
    cells = content["models"][model]["cells"]
    return [_example(content, found[category], model, cells) for category in sorted(found)[:EXAMPLES]]


def _example(
    content: Mapping[str, Any], question: Mapping[str, Any], model: int, cells: Sequence[list]
) -> StaticExample:
    category, samples = question["m"][model]
    name, meaning = content["categories"][category]
    return StaticExample(
        category=f"{name}: {meaning}",
        benchmark=content["groups"][question["g"]]["name"],
        stem=question["s"],
        options=question["o"],
        gold=question["r"],
        steps=_steps(samples[0], cells, content["verdicts"]),
    )


def _steps(sample: Mapping[str, list], cells: Sequence[list], verdicts: Sequence[str]) -> list[ShownStep]:
    steps, cell = [], None
    for (budget, count, cue), packed in zip(cells, sample["c"], strict=True):
        cell = packed if packed != 0 else cell
        if cell is None:
            continue
        text, end, tokens, natural, answer, _, verdict = cell
        forced = f", forced on {count}× {by_cue(cue)}" if count else ""
        steps.append(
            ShownStep(
                label=f"{budget:,} tokens{forced}",
                tokens=tokens,
                cut=not natural,
                thinking=None if text < 0 else clean(_until(sample["t"][text], end), LONGEST_THINKING),
                answer=sample["a"][answer],
                verdict=verdicts[verdict],
            )
        )
    return steps


def _until(text: str, end: int) -> str:
    """The beginning of a text, up to ``end`` as JavaScript counts."""
    return text.encode("utf-16-le")[: 2 * end].decode("utf-16-le")
