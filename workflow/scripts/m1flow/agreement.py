"""What a judge's labels come to: kinds of error by model and benchmark, and how far they agree with a person's.

Methods and sources:
    Shares: the Wilson score interval, as in `statistics`.
    Cohen's kappa, agreement beyond what both labellers' habits would give by chance: Cohen 1960, Educ. Psychol.
    Meas. 20:37; its interval from the large-sample standard error of Fleiss, Cohen and Everitt 1969, Psychol. Bull.
    72:323, as statsmodels has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa

from m1flow.error_labels import LABELS, Answered
from m1flow.statistics import wilson

UNREAD = "unread"
"""Stands for a label where the judge gave none."""
ALL = "all"
"""Stands for a hand label in the row over all of them."""

_NO_WIDTH = 1e-6  # a standard error that is 0 but for rounding

ERROR_KINDS = ["model", "benchmark", "label", "n", "judged", "share", "ci_low", "ci_high"]
AGREEMENT = [
    *("hand_label", "n", *(f"judged_{label}" for label in LABELS), UNREAD),
    *("agreement", "ci_low", "ci_high", "kappa", "kappa_low", "kappa_high"),
]


def error_kinds(judged: pd.DataFrame) -> pd.DataFrame:
    """Of the wrong answers drawn, how many are of each kind.

    Args:
        judged: rows of the judged contract.

    Returns:
        ERROR_KINDS, by model and benchmark a row for each label and UNREAD: n answers of ``judged``, their share with
        a Wilson interval.
    """
    rows = []
    for (model, benchmark), group in judged[judged["drawn"]].groupby(["model", "benchmark"], sort=True):
        given = group["label"].fillna(UNREAD)
        for label in (*LABELS, UNREAD):
            n = int((given == label).sum())
            rows.append([model, benchmark, label, n, len(group), n / len(group), *wilson(n, len(group))])
    return pd.DataFrame(rows, columns=ERROR_KINDS)


def agreement_table(judged: pd.DataFrame, hand_labels: Mapping[Answered, str]) -> pd.DataFrame:
    """How far the judge agrees with a person.

    Args:
        judged: rows of the judged contract.
        hand_labels: the person's; those of answers that weren't judged don't count.

    Returns:
        AGREEMENT, a row for each hand label and one over ALL; no rows where nothing is labelled by both. n: answers
        with both labels, of them ``judged_<label>`` by what the judge says; UNREAD: answers without a judge's label,
        which are in no n. agreement: the share of n whose labels are the same, with a Wilson interval. kappa, with
        its interval, is in the row ALL.
    """
    # A question that is in two benchmarks has one hand label: it counts once.
    answers = judged.drop_duplicates(["model", "question_id", "sample"])
    keys = map(Answered, answers["model"], answers["question_id"], answers["sample"])
    by_hand = pd.Series([hand_labels.get(key) for key in keys], answers.index, dtype=object)
    counted = pd.crosstab(by_hand, answers["label"].fillna(UNREAD)) if by_hand.notna().any() else pd.DataFrame()
    counted = counted.reindex(index=LABELS, columns=[*LABELS, UNREAD], fill_value=0).astype(int)
    confusion = counted[list(LABELS)].to_numpy()
    if not counted.to_numpy().any():
        return pd.DataFrame(columns=AGREEMENT)
    rows = [
        _row(label, confusion[place], int(confusion[place, place]), counted.loc[label, UNREAD])
        for place, label in enumerate(LABELS)
    ]
    total = _row(ALL, confusion.sum(axis=0), int(np.trace(confusion)), counted[UNREAD].sum())
    table = pd.DataFrame([*rows, total], columns=AGREEMENT[:-3])
    table.loc[len(table) - 1, AGREEMENT[-3:]] = kappa(confusion)
    return table.astype({name: float for name in AGREEMENT[-3:]})


def kappa(confusion: np.ndarray) -> tuple[float, float, float]:
    """Cohen's kappa of a square table of counts with its 95 % interval.

    NaN where all counts are in one place of the diagonal: chance explains everything. An interval of no width is NaN as
    well: where all labels agree, or a labeller gives the same one to all, it would claim more than is known.
    """
    if not confusion.any():
        return math.nan, math.nan, math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        result = cohens_kappa(confusion)
    if not result.std_kappa > _NO_WIDTH:
        return float(result.kappa), math.nan, math.nan
    return float(result.kappa), max(-1.0, float(result.kappa_low)), min(1.0, float(result.kappa_upp))


def _row(label: str, said: np.ndarray, alike: int, unread: int) -> list:
    n = int(said.sum())
    return [label, n, *map(int, said), int(unread), alike / n if n else math.nan, *wilson(alike, n)]
