"""Hand labels: kinds of error that people assigned to wrong answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from m1flow.errors import M1FlowError
from m1flow.files.records import read_rows

LABELS = ("knowledge", "reasoning", "other")
"""The kinds of error in wrong answers; the rubric in `prompts.judge` defines them."""
NO_LABEL = "unread"
"""Stands for a judge's label that could not be read."""
_COLUMNS = ("question_id", "model", "label")


@dataclass(frozen=True)
class AnswerKey:
    """The key of a model's answer: its question, and the number of the sample if there are several."""

    model: str
    question_id: str
    sample: int = 0


def read_hand_labels(path: Path | str) -> Mapping[AnswerKey, str]:
    """Read the labels that people assigned.

    Args:
        path: a CSV file (or .jsonl, .parquet) with the columns question_id, model and label, and sample if it isn't
            0; other columns, such as notes, are ignored. A row with a blank label is not labelled yet.

    Raises:
        M1FlowError: the file or a column is missing, a label is unknown, or an answer is labelled twice.
    """
    labels: dict[AnswerKey, str] = {}
    for number, row in enumerate(read_rows(Path(path)), 1):
        if missing := [name for name in _COLUMNS if name not in row]:
            needed = ", ".join(_COLUMNS)
            raise M1FlowError(f"{path}: row {number}: no column {missing[0]!r}; the file needs the columns {needed}")
        label = folded_label(str(row["label"] or ""))
        if not label:
            continue
        if label not in LABELS:
            raise M1FlowError(f"{path}: row {number}: {row['label']!r} is not a label; use {', '.join(LABELS)}")
        sample = str(row.get("sample") or 0)
        if not sample.isdecimal():
            raise M1FlowError(f"{path}: row {number}: sample: must be a whole number, not {sample!r}")
        answered = AnswerKey(str(row["model"]).strip(), str(row["question_id"]).strip(), int(sample))
        if answered in labels:
            raise M1FlowError(
                f"{path}: row {number}: the answer of {answered.model} to {answered.question_id} is labelled twice; "
                "keep only one of the labels"
            )
        labels[answered] = label
    return labels


def folded_label(text: str) -> str:
    """A label with its case folded, without blanks around it or a full stop at its end."""
    return text.strip().removesuffix(".").rstrip().casefold()
