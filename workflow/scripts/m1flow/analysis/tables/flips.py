"""Which answers change between neighbouring budgets, and between no forced extension and some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.intervals import ALL
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import Grid, read_by_model

BUDGET, EXTENSIONS = "budget", "extensions"
_COUNTS = ["n", "right_to_wrong", "wrong_to_right", "changed"]


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return flips_table(read_by_model(sweeps, cue))


TABLE = Table(
    title="Answers that change from one budget to the next, and with forced extensions",
    columns={
        "along": Kind.TEXT,
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "before": Kind.COUNT,
        "after": Kind.COUNT,
        "n": Kind.COUNT,
        "right_to_wrong": Kind.COUNT,
        "wrong_to_right": Kind.COUNT,
        "changed": Kind.COUNT,
    },
    make=make,
)


def flips_table(models: Mapping[str, Sequence[Grid]]) -> pd.DataFrame:
    """Counts of answers (questions x samples) that changed.

    Args:
        models: each model's grids, as `grids.by_model` gives them.

    Returns:
        The table's columns. Along "budget", ``before`` and ``after`` are neighbouring budgets; along "extensions", they
        are 0 and a number of forced extensions under the total ``budget``, which is empty otherwise. ``changed`` counts
        answers whose reading changed (to another option, or to or from none), whether right or wrong. Sums over several
        benchmarks are under ALL.
    """
    rows = [row for grids in models.values() for one in grids for row in _rows(one)]
    table = pd.DataFrame(rows, columns=TABLE.names).astype({"budget": "Int64"})
    keys = [name for name in TABLE.names if name not in _COUNTS]
    summed = table.assign(benchmark=ALL).groupby(keys, sort=False, dropna=False)[_COUNTS].sum().reset_index()
    several = table.groupby("model")["benchmark"].nunique() > 1
    table = pd.concat([table, summed[summed["model"].map(several).astype(bool)]])
    return table.sort_values(["along", "model"], kind="stable", ignore_index=True)[TABLE.names]


def _rows(one: Grid) -> Iterator[dict]:
    for along, budget, before, after in _steps(one):
        was, now = one.correct[:, :, before], one.correct[:, :, after]
        yield {
            "along": along,
            "model": one.model,
            "benchmark": one.benchmark,
            "budget": budget,
            "before": one.cells[before][along == EXTENSIONS],
            "after": one.cells[after][along == EXTENSIONS],
            "n": was.size,
            "right_to_wrong": int((was & ~now).sum()),
            "wrong_to_right": int((~was & now).sum()),
            "changed": int((one.chosen[:, :, before] != one.chosen[:, :, after]).sum()),
        }


def _steps(one: Grid) -> Iterator[tuple[str, int | None, int, int]]:
    for before, after in zip(one.budgets, one.budgets[1:], strict=False):
        yield BUDGET, None, before, after
    for after, (budget, extensions) in enumerate(one.cells):
        if extensions and (budget, 0) in one.cells:
            yield EXTENSIONS, budget, one.cells.index((budget, 0)), after
