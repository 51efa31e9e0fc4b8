"""Which answers change between neighbouring budgets, and between no forced extension and some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from m1flow.scored import Grid
from m1flow.statistics import ALL

BUDGET, EXTENSIONS = "budget", "extensions"
COLUMNS = "along model benchmark budget before after n right_to_wrong wrong_to_right changed".split()
_COUNTS = ["n", "right_to_wrong", "wrong_to_right", "changed"]


def flips_table(models: Mapping[str, Sequence[Grid]]) -> pd.DataFrame:
    """Counts of answers (questions x samples) that moved.

    Args:
        models: each model's grids, as `scored.by_model` gives them.

    Returns:
        COLUMNS. Along "budget", ``before`` and ``after`` are neighbouring budgets; along "extensions", none and a
        number of forced extensions under the total ``budget``, which is empty otherwise. ``changed`` counts answers
        that name another option, or none any more, right or wrong. Sums over several benchmarks are under ALL.
    """
    rows = [row for grids in models.values() for one in grids for row in _rows(one)]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"budget": "Int64"})
    keys = [name for name in COLUMNS if name not in _COUNTS]
    summed = table.assign(benchmark=ALL).groupby(keys, sort=False, dropna=False)[_COUNTS].sum().reset_index()
    several = table.groupby("model")["benchmark"].nunique() > 1
    table = pd.concat([table, summed[summed["model"].map(several).astype(bool)]])
    return table.sort_values(["along", "model"], kind="stable", ignore_index=True)[COLUMNS]


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
