"""Accuracy on a benchmark with and without the questions that models of the study were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.cells import cells, read_sweeps
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table

_MEASURED = ["n", "accuracy", "ci_low", "ci_high"]
_KEY = ["model", "benchmark", "budget"]


def make(*, leakable_sweeps: Sequence[Path], leaked_pairs: Path) -> pd.DataFrame:
    """Make the table from leaked.parquet and scored sweeps on benchmarks that the pool isn't decontaminated against."""
    return leaked_accuracy(read_sweeps(leakable_sweeps), read_table(leaked_pairs, "leaked"))


TABLE = Table(
    title="Accuracy with and without the questions that training data ask",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "unseen_n": Kind.COUNT,
        "unseen_accuracy": Kind.SHARE,
        "unseen_ci_low": Kind.SHARE,
        "unseen_ci_high": Kind.SHARE,
    },
    make=make,
)


def leaked_accuracy(rows: pd.DataFrame, leaks: pd.DataFrame) -> pd.DataFrame:
    """Accuracy by model, benchmark and budget, without extensions, on all questions and on those never trained on.

    The same questions are left out for all models, so that models can be compared: those in any of the study's datasets
    or corpora, but not those that are only in the pool.

    Args:
        rows: rows of scored sweeps, with model and benchmark, as `cells.read_sweeps` gives them.
        leaks: rows of the leaked contract.

    Returns:
        The table's columns; ``n`` counts questions times samples. If every question leaked, ``unseen_n`` is 0 and the
        other ``unseen_*`` columns are empty.
    """
    rows = rows[rows["extensions"] == 0]
    trained = leaks[leaks["trained_on"].map(len) > 0]
    seen = pd.MultiIndex.from_frame(rows[["benchmark", "question_id"]]).isin(
        pd.MultiIndex.from_frame(trained[["benchmark", "question_id"]])
    )
    unseen = cells(rows[~seen]).set_index(_KEY)[_MEASURED].add_prefix("unseen_")
    table = cells(rows).join(unseen, on=_KEY)[TABLE.names]
    return table.assign(unseen_n=table["unseen_n"].fillna(0).astype(int))
