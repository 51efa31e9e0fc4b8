"""A few questions with the model's thinking under every budget, chosen by what happens to their answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.roster import Model
from m1flow.scored import unaltered

LONGEST = 4000
"""Characters shown of any text; a report with full traces of a large study would not open."""

KINDS = {
    "compute": "Right once it may think long enough",
    "lost": "Right, then lost again",
    "knowledge": "Never right, however long it thinks",
    "instant": "Right without thinking",
}


@dataclass(frozen=True)
class Step:
    """What one budget, or one forced extension, led to.

    Attributes:
        label: the setting in words.
        tick: the same in a few characters.
        tokens: thinking tokens used.
        cut: whether the budget cut the thinking.
        thinking: the thinking under this budget.
        beyond: how it would have gone on under the largest budget.
        answer: the answer's text.
        chosen: the option read out of it, if any.
        verdict: right, wrong or unreadable.
    """

    label: str
    tick: str
    tokens: int
    cut: bool
    thinking: str
    beyond: str
    answer: str
    chosen: int | None
    verdict: str


@dataclass(frozen=True)
class Showcase:
    """One question and how its answer changes; ``start`` is the step of the largest budget."""

    kind: str
    benchmark: str
    stem: str
    options: list[str]
    gold: int
    steps: list[Step]
    start: int


def showcases(
    rows: pd.DataFrame,
    lead: Model | None,
    questions: Mapping[str, pd.DataFrame],
    sweeps: Mapping[str, Path],
    cue: str | None = None,
) -> list[Showcase]:
    """One question of each kind, as far as the sweep has them.

    Args:
        rows: the sweeps contract with the columns model and benchmark.
        lead: whose thinking to show.
        questions: benchmark to its questions table.
        sweeps: benchmark to the lead's sweep file, for the texts.
        cue: whose extensions to show; the first in each sweep by default.
    """
    if lead is None:
        return []
    first = rows["sample"] == rows["sample"].min()
    mine = rows[(rows["model"] == lead.name) & first & rows["benchmark"].isin(questions)]
    found: dict[str, tuple[str, str]] = {}
    by_question = {key: group for key, group in mine.groupby(["benchmark", "question_id"], sort=False)}
    # In the order of a hash: the same choice in every run, and not the first rows of a file, which are often alike.
    for key in sorted(by_question, key=lambda k: hashlib.sha256(k[1].encode("utf-8", "replace")).digest()):
        found.setdefault(_kind(by_question[key]), key)
    made = [_showcase(kind, found[kind], questions, sweeps, cue) for kind in KINDS if kind in found]
    return [showcase for showcase in made if showcase]


def clean(text: object) -> str:
    """Text fit to show: bounded in length, and nothing in it that could reorder or hide the text around it."""
    text = str(text)
    return visible(text[:LONGEST]) + (f" … [{len(text) - LONGEST:,} more characters]" if len(text) > LONGEST else "")


def visible(text: str) -> str:
    """Control and direction characters by their names, so that they do nothing."""
    return "".join(map(_visible, text.encode("utf-8", "replace").decode("utf-8")))


def _kind(group: pd.DataFrame) -> str:
    line = group[group["extensions"] == 0].sort_values("budget")
    right = line["correct"].astype(bool).tolist()
    forced = group[group["extensions"] > 0]["correct"].astype(bool)
    if not any(right):
        return "knowledge"
    if not right[-1] or not forced.all():
        return "lost"
    return "instant" if all(right) else "compute"


def _showcase(
    kind: str,
    key: tuple[str, str],
    questions: Mapping[str, pd.DataFrame],
    sweeps: Mapping[str, Path],
    cue: str | None,
) -> Showcase | None:
    benchmark, question_id = key
    table = questions[benchmark]
    match = table[table["question_id"] == question_id]
    if not len(match):
        return None
    question = match.iloc[0]
    group = unaltered(pd.read_parquet(sweeps[benchmark], filters=[("question_id", "==", question_id)]), cue)
    group = group[group["sample"] == group["sample"].min()]
    options = [clean(option) for option in question["options"]]
    largest_forced = group[group["extensions"] > 0]["budget"].max()
    ordered = group[(group["extensions"] == 0) | (group["budget"] == largest_forced)]
    ordered = ordered.sort_values(["extensions", "budget"])
    plain = int((ordered["extensions"] == 0).sum())
    whole = _text(ordered["thinking_text"].iloc[plain - 1])
    steps = [_step(row, len(options), whole) for row in ordered.itertuples()]
    stem = clean("\n".join(part for part in (question["context"], question["stem"]) if part))
    return Showcase(KINDS[kind], benchmark, stem, options, int(question["answer_index"]), steps, plain - 1)


def _step(row: Any, options: int, whole: str) -> Step:
    chosen = None if pd.isna(row.parsed_index) else int(row.parsed_index)
    readable = chosen is not None and 0 <= chosen < options
    thinking = _text(row.thinking_text)
    return Step(
        label=f"{row.budget:,} tokens" + (f", forced on {row.extensions}×" if row.extensions else ""),
        tick=f"+{row.extensions}" if row.extensions else f"{row.budget:,}",
        tokens=row.thinking_tokens,
        cut=not row.natural_end,
        thinking=clean(thinking),
        beyond=clean(whole[len(thinking) :]) if len(thinking) < LONGEST and whole.startswith(thinking) else "",
        answer=clean(row.answer_text),
        chosen=chosen,
        verdict=("right" if row.correct else "wrong") if readable else "unreadable",
    )


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _visible(character: str) -> str:
    point = ord(character)
    directional = 0x202A <= point <= 0x202E or 0x2066 <= point <= 0x2069 or point in (0x200E, 0x200F, 0x061C)
    control = (point < 0x20 and character not in "\n\t") or 0x7F <= point < 0xA0
    return f"⟨U+{point:04X}⟩" if directional or control else character
