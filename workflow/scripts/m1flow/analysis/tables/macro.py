"""Macro averages: the mean of the benchmarks' accuracies, each benchmark counting the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.cells import read_sweeps
from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """The macro averages of scored sweeps; the arguments are those of `cells.read_sweeps`."""
    return macro_average(read_sweeps(sweeps, cue))


TABLE = Table(
    title="The mean of the benchmarks' accuracies",
    columns={
        "model": Kind.TEXT,
        "budget": Kind.COUNT,
        "extensions": Kind.COUNT,
        "benchmarks": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "thinking_tokens_mean": Kind.TOKENS,
    },
    make=make,
)


def macro_average(sweep_rows: pd.DataFrame) -> pd.DataFrame:
    """The mean of the benchmarks' accuracies per model, budget and extensions, with its interval.

    Only cells that cover every benchmark of the model are averaged: a mean over fewer benchmarks would be a different
    quantity.

    Returns:
        The table's columns; n counts rows (questions x samples).
    """
    wanted = sweep_rows.groupby("model")["benchmark"].nunique()
    rows = []
    for (model, budget, extensions), cell in sweep_rows.groupby(["model", "budget", "extensions"], sort=True):
        groups = {str(name): group for name, group in cell.groupby("benchmark", sort=True)}
        if len(groups) != wanted[model]:
            continue
        right = {name: group.groupby("question_id")["correct"].mean() for name, group in groups.items()}
        means = means_with_intervals({name: shares.to_numpy(float)[:, None] for name, shares in right.items()})
        average = means[MACRO if len(groups) > 1 else next(iter(groups))].estimate(0)
        rows.append(
            {
                "model": model,
                "budget": budget,
                "extensions": extensions,
                "benchmarks": len(groups),
                "n": len(cell),
                "accuracy": average.value,
                "ci_low": average.low,
                "ci_high": average.high,
                "thinking_tokens_mean": float(np.mean([group["thinking_tokens"].mean() for group in groups.values()])),
            }
        )
    return pd.DataFrame(rows, columns=TABLE.names)
