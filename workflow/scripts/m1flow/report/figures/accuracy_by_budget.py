"""Accuracy against the cap on thinking tokens, with 95% intervals.

Dashed: models that answer without thinking; dotted grey: guessing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.published import FIXED
from m1flow.report.charts import (
    Figure,
    accuracy_panel,
    budget_x,
    by_benchmark,
    columns_of,
    model_colour,
    of_shown,
    share_y,
)
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model], chance: Mapping[str, float], published: pd.DataFrame) -> Figure:
    """Accuracy against the cap on thinking tokens, a panel per benchmark, a line per model.

    Args:
        table: rows of the accuracy contract.
        models: the study's models.
        chance: accuracy of guessing, by benchmark.
        published: the table ``published``; its numbers at fixed budgets are drawn as a reference.
    """
    budgets = sorted(table["budget"].unique())
    x = budget_x(budgets)
    fixed = published[published["selection"] == FIXED]

    def panel(rows: pd.DataFrame) -> alt.TopLevelMixin:
        reference = fixed[fixed["benchmark"].isin(rows["benchmark"])]
        published_line = _published_line(reference, models, x) if len(reference) else ()
        return accuracy_panel(rows, models, x, chance, published_line)

    columns = ["model", "benchmark", "budget", "n", "accuracy", "ci_low", "ci_high", "thinking_tokens_mean"]
    numbers = columns_of(table, columns)
    if len(fixed):
        published_columns = fixed[["model", "benchmark", "budget", "published", "difference"]]
        numbers = numbers.merge(published_columns, on=["model", "benchmark", "budget"], how="left")
    return Figure(
        "accuracy_by_budget",
        "Accuracy by thinking budget",
        "Share of questions answered right when thinking is cut after so many tokens, with 95% intervals. "
        "Dashed: models that answer without thinking, and, in grey, guessing."
        + (" Crosses on a thin line: the published numbers at the same budgets." if len(fixed) else ""),
        by_benchmark(table, panel),
        numbers,
        empty="No cell of the sweep was measured.",
    )


def _published_line(rows: pd.DataFrame, models: Sequence[Model], x: alt.X) -> list[alt.Chart]:
    base = of_shown(rows)
    tips = [
        *("model:N", alt.Tooltip("published_as:N", title="published as"), "budget:Q"),
        alt.Tooltip("published:Q", format=".1%"),
        alt.Tooltip("difference:Q", format="+.1%", title="here, against it"),
    ]
    line = base.mark_line(strokeWidth=1, strokeDash=[1, 3]).encode(
        x=x, y=share_y("published"), color=model_colour(models)
    )
    crosses = base.mark_point(shape="cross", filled=True, size=34, opacity=0.8).encode(
        x=x, y=share_y("published"), color=model_colour(models), tooltip=tips
    )
    return [line, crosses]
