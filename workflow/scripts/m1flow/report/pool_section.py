"""The page's section on the pool: rows read and rows expected, removed pairs, recall of planted copies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files.json import read_json
from m1flow.files.parquet import read_table
from m1flow.questions.prompts import PLAIN, render
from m1flow.study.settings.pool import EXACT
from m1flow.text.shown import visible

PAIRS = 3
"""Number of removed pairs shown for each reason."""

LONGEST = 400
"""Maximum number of characters shown of a question of a pair."""

ENDING = 140
"""Number of these characters that come from the end of a longer question, where its options are."""

_PAPER = "paper"

Passages = list[tuple[str, bool]]
"""A text in passages, each with whether its words are missing from the text beside it."""


@dataclass(frozen=True)
class Pair:
    """A removed question beside the one it was removed for; similarity in percent."""

    reason: str
    rule: str
    source: str
    matched_source: str
    similarity: float
    text: Passages
    matched_text: Passages


@dataclass(frozen=True)
class Recall:
    """The number of planted copies that were caught.

    Attributes:
        modes: the configured mode first, then the others.
        rows: by kind, (caught, planted) of every mode; None if it was not measured.
        exact_only: whether the study removes only equal texts, so that tests for near copies are off.
    """

    modes: list[str]
    rows: dict[str, list[tuple[int, int] | None]]
    exact_only: bool


@dataclass(frozen=True)
class SetCount:
    """Rows of a source or benchmark; expected and difference are None if the config names no number."""

    role: str
    name: str
    split: str
    read: int
    kept: int
    dropped: dict[str, int]
    not_selected: int
    expected: int | None
    difference: int | None

    @property
    def verdict(self) -> str:
        """The difference in words."""
        if self.difference is None:
            return "none stated"
        if not self.difference:
            return "as expected"
        return f"{abs(self.difference):,} too {'many' if self.difference > 0 else 'few'}"


def pool_section(
    config: Mapping[str, Any], report: Path | None, removed: Path | None, set_reports: Iterable[Path]
) -> dict[str, Any]:
    """Everything on the pool that the template shows; parts without a file are None or empty.

    Args:
        config: the resolved config.
        report: pool.report.json.
        removed: pool_removed.parquet.
        set_reports: questions/{source}.report.json and benchmarks/{benchmark}.report.json.
    """
    counts = _read_counts(report) if report else {}
    return {
        "recall": recall(counts, float((config.get("pool") or {}).get("similarity", 0))),
        "rules": {reason: rules for reason, rules in (counts.get("rules") or {}).items() if rules},
        "pairs": pairs(read_table(removed, "pool_removed")) if removed else [],
        "sets": [set_count(path) for path in set_reports],
    }


def recall(counts: Mapping[str, Any], similarity: float) -> Recall | None:
    """The planted copies of a pool's report, by kind; None if none were planted.

    Args:
        counts: pool.report.json.
        similarity: the study's pool.similarity, 0-100.
    """
    found = {(row["kind"], row["mode"]): (int(row["caught"]), int(row["planted"])) for row in counts.get("recall", ())}
    found = {key: numbers for key, numbers in found.items() if numbers[1]}
    if not found:
        return None
    chosen = counts.get("decontamination")
    modes = sorted(dict.fromkeys(mode for _, mode in found), key=lambda mode: (mode != chosen, mode == _PAPER, mode))
    kinds = dict.fromkeys(kind for kind, _ in found)
    rows = {kind: [found.get((kind, mode)) for mode in modes] for kind in kinds}
    return Recall(modes, rows, similarity >= EXACT)


def pairs(removed: pd.DataFrame, most: int = PAIRS) -> list[Pair]:
    """A few removed questions for each reason, from as many rules as possible, the least similar of each rule first.

    Pairs of equal texts say little; a rule is best judged by its least similar pair.

    Args:
        removed: the pool_removed contract, with or without the column rule.
        most: maximum number of pairs for each reason.
    """
    if "rule" not in removed:
        removed = removed.assign(rule="")
    ordered = removed.assign(rule=removed["rule"].fillna("").astype(str)).sort_values(
        ["reason", "similarity", "rule", "question_id", "source"], kind="stable"
    )
    # Each question's place within its rule: the first of every rule is taken before any second.
    turn = ordered.groupby(["reason", "rule"]).cumcount()
    chosen = ordered.assign(turn=turn).sort_values(["reason", "turn"], kind="stable").groupby("reason").head(most)
    ordered = chosen.sort_values(["reason", "rule", "similarity"], kind="stable")
    return [_pair(row) for row in ordered.to_dict("records")]


def set_count(path: Path) -> SetCount:
    """The counts of one source or benchmark; the folder of its file tells which of the two it is."""
    counts = _read_counts(path, ("read", "kept"))
    expected = counts.get("expected")
    return SetCount(
        role="benchmark" if path.parent.name == "benchmarks" else "source",
        name=str(counts.get("source", path.name.removesuffix(".report.json"))),
        split=str(counts.get("split", "")),
        read=int(counts["read"]),
        kept=int(counts["kept"]),
        dropped={reason: int(n) for reason, n in (counts.get("dropped") or {}).items() if n},
        not_selected=int(counts.get("not_selected", 0)),
        expected=None if expected is None else int(expected),
        difference=None if expected is None else int(counts["read"]) - int(expected),
    )


def shorten(text: str, longest: int = LONGEST, ending: int = ENDING) -> str:
    """Text of at most ``longest`` characters, with an ellipsis for what was taken out of the middle."""
    if len(text) <= longest:
        return visible(text)
    # Half words would look like differences; a text without spaces is cut where it must be.
    start, end = text[: longest - ending], text[-ending:]
    start = re.sub(r"(?<=\s)\S*$", "", start).rstrip() or start
    end = re.sub(r"^\S*(?=\s)", "", end).lstrip() or end
    return visible(f"{start} … {end}")


def passages(text: str, other: str) -> Passages:
    """A text, shortened for the page, with marks on the words that the other text, in full, lacks.

    Words are compared without case, punctuation and order: options may stand in another order.
    """
    other_words = {_bare(word) for word in visible(other).split()}
    found: Passages = []
    for piece in re.split(r"(\s+)", shorten(text)):
        only_here = bool(_bare(piece)) and _bare(piece) not in other_words
        if found and found[-1][1] == only_here:
            found[-1] = (found[-1][0] + piece, only_here)
        elif piece:
            found.append((piece, only_here))
    return found


def _bare(word: str) -> str:
    return re.sub(r"^\W+|\W+$", "", word).casefold()


def _pair(row: Mapping[str, Any]) -> Pair:
    text, matched = render(row, PLAIN), row["matched_text"]  # both in the same template
    return Pair(
        reason=row["reason"],
        rule=row["rule"],
        source=row["source"],
        matched_source=row["matched_source"],
        similarity=float(row["similarity"]),
        text=passages(text, matched),
        matched_text=passages(matched, text),
    )


def _read_counts(path: Path, wanted: Iterable[str] = ()) -> dict[str, Any]:
    counts = read_json(path)
    if not isinstance(counts, dict):
        raise M1FlowError(f"{path}: not a mapping of counts; delete it and rerun: snakemake {path}")
    for key in wanted:
        if key not in counts:
            raise M1FlowError(f"{path}: {key!r} is missing from these counts; delete it and rerun: snakemake {path}")
    return counts
