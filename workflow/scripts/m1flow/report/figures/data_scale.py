"""Accuracy at the largest budget against the number of training traces, with 95% intervals."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.report.charts import (
    INK,
    Figure,
    by_benchmark,
    columns_of,
    model_colour,
    model_points,
    of_shown,
    share_y,
    shown_models,
)
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model], series: Sequence[Model], budget: int) -> Figure:
    """Accuracy at one budget, fixed beforehand, against the number of training traces."""
    by_name = {model.name: model for model in models if model.traces}
    rows = table[(table["budget"] == budget) & table["model"].isin(by_name)].copy()
    rows["traces"] = rows["model"].map(lambda name: by_name[name].traces)
    rows["how"] = rows["model"].map(lambda name: by_name[name].label)
    rows["in_series"] = rows["model"].isin([model.name for model in series])
    ticks = sorted(rows["traces"].unique().tolist())
    scale = alt.Scale(type="log", domain=[ticks[0] / 1.5, ticks[-1] * 1.5], nice=False) if ticks else alt.Undefined

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        axis = alt.Axis(values=ticks, format=",d", grid=False)
        x = alt.X("traces:Q", title="training traces", scale=scale, axis=axis)
        series_only = alt.Chart(part).transform_filter("datum.in_series")
        trend = series_only.mark_line(color=INK["soft"], strokeWidth=1.4, opacity=0.6).encode(x=x, y=share_y())
        shown = of_shown(part)
        whiskers = shown.mark_rule(strokeWidth=2, opacity=0.55).encode(
            x=x, y=share_y("ci_low"), y2="ci_high:Q", color=model_colour(models)
        )
        points = model_points(shown, x, models, extra=[alt.Tooltip("how:N", title="made with")])
        return alt.layer(trend, whiskers, *points).add_params(shown_models(models))

    subset, line = "", ""
    if series:
        subset = "of the line "
        line = " The line joins the students that differ in nothing but the number of training traces; the others "
        line += "stand beside it."
    return Figure(
        "data_scale",
        "Accuracy by amount of training data",
        f"At {budget:,} thinking tokens, the largest budget that all {subset}have, chosen before looking.{line} 95% "
        "intervals.",
        by_benchmark(rows, panel),
        columns_of(rows, ["model", "how", "traces", "benchmark", "n", "accuracy", "ci_low", "ci_high"]),
        empty="No fine-tuned student was evaluated.",
    )
