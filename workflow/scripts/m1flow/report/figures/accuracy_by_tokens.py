"""Accuracy against the mean number of thinking tokens that the model really used. Each point is a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from m1flow.report.charts import Figure, accuracy_panel, budget_scale, by_benchmark, columns_of
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model], chance: Mapping[str, float]) -> Figure:
    """Accuracy against the thinking tokens really used."""
    top = float(table["thinking_tokens_mean"].max() or 1)
    used = [0, *sorted(b for b in table["budget"].unique() if 0 < b < top), top]
    axis = alt.Axis(grid=False, tickCount=6, format="~s", labelOverlap="greedy", labelSeparation=6)
    x = alt.X("thinking_tokens_mean:Q", title="mean thinking tokens used", scale=budget_scale(used), axis=axis)
    return Figure(
        "accuracy_by_tokens",
        "Accuracy by thinking really used",
        "The same answers, against the mean number of thinking tokens that the model spent: a budget that is not "
        "needed costs nothing. Each point is a budget.",
        by_benchmark(table, lambda rows: accuracy_panel(rows, models, x, chance)),
        columns_of(table, ["model", "benchmark", "thinking_tokens_mean", "budget", "accuracy", "ci_low", "ci_high"]),
        empty="No cell of the sweep was measured.",
    )
