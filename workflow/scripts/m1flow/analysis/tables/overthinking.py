"""Whether accuracy falls at the end of the curve: the largest budget against every smaller one, as a test.

Each test is one-sided (is the smaller budget better?) and uses the sign flips of `paired_tests`. Holm's correction is
over all smaller budgets of a model on a benchmark, so it is fair to look at the one that does best. For the same
reason, the interval of its difference holds for all smaller budgets at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.choosing import best_of
from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.paired_tests import GREATER, holm, p_value
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import Grid, read_by_model


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return overthinking_table(read_by_model(sweeps, cue))


TABLE = Table(
    title="Whether accuracy falls at the end of the curve",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "largest": Kind.COUNT,
        "n": Kind.COUNT,
        "difference": Kind.POINTS,
        "diff_low": Kind.POINTS,
        "diff_high": Kind.POINTS,
        "p": Kind.P,
        "p_holm": Kind.P,
    },
    make=make,
)


def overthinking_table(models: Mapping[str, Sequence[Grid]]) -> pd.DataFrame:
    """For every model with several budgets, the smaller budget that does best against the largest.

    Args:
        models: each model's grids, as `grids.by_model` gives them.

    Returns:
        The table's columns. ``difference`` is the accuracy under the largest budget minus that under the smaller one,
        below 0 if accuracy falls; only a ``p_holm`` under 0.05 is evidence that it does.
    """
    rows = []
    for model, grids in models.items():
        *smaller, largest = grids[0].budgets
        if not smaller:
            continue
        changes = {one.benchmark: one.right[:, [largest]] - one.right[:, smaller] for one in grids}
        for benchmark, means in means_with_intervals(changes, change=True, together=True).items():
            averaged = list(changes.values()) if benchmark == MACRO else [changes[benchmark]]
            p = [p_value([-part[:, k] for part in averaged], grids[0].samples, GREATER) for k in range(len(smaller))]
            # Searched from the end: of equally good budgets, the one nearest to the largest is taken.
            best = len(smaller) - 1 - int(best_of(-means.value[None, ::-1])[0])
            rows.append(
                {
                    "model": model,
                    "benchmark": benchmark,
                    "budget": grids[0].cells[smaller[best]][0],
                    "largest": grids[0].cells[largest][0],
                    "n": means.n,
                    "difference": means.value[best],
                    "diff_low": means.low[best],
                    "diff_high": means.high[best],
                    "p": p[best],
                    "p_holm": holm(np.array(p))[best],
                }
            )
    return pd.DataFrame(rows, columns=TABLE.names)
