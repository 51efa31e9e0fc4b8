"""How well a judge's labels agree with a person's.

Methods and sources:
    Shares: the Wilson score interval, as in `intervals`.
    Cohen's kappa, agreement beyond what both labellers' habits would give by chance: Cohen 1960, Educ. Psychol.
    Meas. 20:37; its interval from the large-sample standard error of Fleiss, Cohen and Everitt 1969, Psychol. Bull.
    72:323.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from m1flow.analysis.intervals import CONFIDENCE, wilson
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table
from m1flow.study.hand_labels import LABELS, NO_LABEL, AnswerKey, read_hand_labels

ALL_LABELS = "all"
"""The ``hand_label`` of the row over all hand labels."""

_KAPPA = ["kappa", "kappa_low", "kappa_high"]
_Z = float(special.ndtri(0.5 + CONFIDENCE / 2))
_NO_WIDTH = 1e-6  # a standard error that is 0 but for rounding


def make(*, judged: Path, hand_labels: Path | None = None) -> pd.DataFrame:
    """Make the table from judged.parquet and the file of hand labels, if any."""
    by_hand = read_hand_labels(hand_labels) if hand_labels else {}
    return agreement_table(read_table(judged, "judged", ["model", "question_id", "sample", "label"]), by_hand)


TABLE = Table(
    title="How far the judge agrees with people",
    columns={
        "hand_label": Kind.TEXT,
        "n": Kind.COUNT,
        "judged_knowledge": Kind.COUNT,
        "judged_reasoning": Kind.COUNT,
        "judged_other": Kind.COUNT,
        "unread": Kind.COUNT,
        "agreement": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "kappa": Kind.EFFECT,
        "kappa_low": Kind.EFFECT,
        "kappa_high": Kind.EFFECT,
    },
    make=make,
)


def agreement_table(judged: pd.DataFrame, hand_labels: Mapping[AnswerKey, str]) -> pd.DataFrame:
    """Agreement of the judge with a person.

    Args:
        judged: rows of the judged contract.
        hand_labels: the person's labels; those of answers that weren't judged don't count.

    Returns:
        The table's columns, with a row for each hand label and one for ALL_LABELS; no rows if no judged answer has a
        hand label. ``n`` counts answers with both labels, ``judged_<label>`` those of them to which the judge gave that
        label, and NO_LABEL answers without a judge's label, which aren't part of ``n``. ``agreement`` is the share of
        ``n`` whose labels are the same, with a Wilson interval. Only the row ALL_LABELS has ``kappa`` and its interval.
    """
    # A question that is in two benchmarks has one hand label: it counts once.
    answers = judged.drop_duplicates(["model", "question_id", "sample"])
    keys = map(AnswerKey, answers["model"], answers["question_id"], answers["sample"])
    by_hand = pd.Series([hand_labels.get(key) for key in keys], answers.index, dtype=object)
    counted = pd.crosstab(by_hand, answers["label"].fillna(NO_LABEL)) if by_hand.notna().any() else pd.DataFrame()
    counted = counted.reindex(index=LABELS, columns=[*LABELS, NO_LABEL], fill_value=0).astype(int)
    confusion = counted[list(LABELS)].to_numpy()
    if not counted.to_numpy().any():
        return pd.DataFrame(columns=TABLE.names)
    rows = [
        _row(label, confusion[place], int(confusion[place, place]), counted.loc[label, NO_LABEL])
        for place, label in enumerate(LABELS)
    ]
    total = _row(ALL_LABELS, confusion.sum(axis=0), int(np.trace(confusion)), counted[NO_LABEL].sum())
    table = pd.DataFrame([*rows, total], columns=[name for name in TABLE.names if name not in _KAPPA])
    table.loc[len(table) - 1, _KAPPA] = kappa(confusion)
    return table.astype({name: float for name in _KAPPA})


def kappa(confusion: np.ndarray) -> tuple[float, float, float]:
    """Cohen's kappa of a square table of counts with its 95 % interval.

    All three are NaN if there are no counts, or if all counts are in one place of the diagonal, since chance then
    explains everything. Limits of an interval without width are NaN as well: if all labels agree, or a labeller gives
    all answers the same label, such an interval would claim more than is known.
    """
    n = confusion.sum()
    if n == 0:
        return math.nan, math.nan, math.nan
    shares = confusion / n
    ours, theirs, same = shares.sum(axis=1), shares.sum(axis=0), np.diag(shares)
    chance = float(ours @ theirs)
    if chance == 1:
        return math.nan, math.nan, math.nan
    value = float((same.sum() - chance) / (1 - chance))
    apart = shares - np.diag(same)
    on_diagonal = same @ (1 - (ours + theirs) * (1 - value)) ** 2
    off_diagonal = (1 - value) ** 2 * (apart * (theirs[:, None] + ours[None, :]) ** 2).sum()
    variance = (on_diagonal + off_diagonal - (value - chance * (1 - value)) ** 2) / (n * (1 - chance) ** 2)
    error = math.sqrt(max(0.0, variance))
    if error <= _NO_WIDTH:
        return value, math.nan, math.nan
    return value, max(-1.0, value - _Z * error), min(1.0, value + _Z * error)


def _row(label: str, judged: np.ndarray, alike: int, unread: int) -> list:
    n = int(judged.sum())
    return [label, n, *map(int, judged), int(unread), alike / n if n else math.nan, *wilson(alike, n)]
