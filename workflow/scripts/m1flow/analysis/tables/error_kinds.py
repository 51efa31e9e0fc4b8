"""Kinds of error: what a judge named as the cause of wrong answers, by model and benchmark.

Shares have Wilson score intervals, as in `intervals`.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from m1flow.analysis.intervals import wilson
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table
from m1flow.study.hand_labels import LABELS, NO_LABEL


def make(*, judged: Path) -> pd.DataFrame:
    """Make the table from judged.parquet."""
    return error_kinds_table(read_table(judged, "judged", ["model", "benchmark", "drawn", "label"]))


TABLE = Table(
    title="Kinds of error that the judge names",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "label": Kind.TEXT,
        "n": Kind.COUNT,
        "judged": Kind.COUNT,
        "share": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
    },
    make=make,
)


def error_kinds_table(judged: pd.DataFrame) -> pd.DataFrame:
    """The number of wrong answers of each kind, among those drawn.

    Args:
        judged: rows of the judged contract.

    Returns:
        The table's columns, with a row for each model, benchmark and label (or NO_LABEL): ``n`` of the ``judged``
        answers have this label, and their share has a Wilson interval.
    """
    rows = []
    for (model, benchmark), group in judged[judged["drawn"]].groupby(["model", "benchmark"], sort=True):
        given = group["label"].fillna(NO_LABEL)
        for label in (*LABELS, NO_LABEL):
            n = int((given == label).sum())
            rows.append([model, benchmark, label, n, len(group), n / len(group), *wilson(n, len(group))])
    return pd.DataFrame(rows, columns=TABLE.names)
