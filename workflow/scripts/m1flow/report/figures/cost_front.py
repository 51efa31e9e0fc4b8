"""Accuracy against its cost; the line joins the results that nothing cheaper beats."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.report.charts import (
    INK,
    Figure,
    accuracy_tips,
    columns_of,
    model_colour,
    of_shown,
    rounded,
    share_y,
    shown_models,
)
from m1flow.report.study_tables import overall
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Accuracy against its cost in tokens and in seconds, with the front of results that nothing cheaper beats."""
    rows = rounded(overall(table))
    costs = {"thinking_tokens": ("thinking tokens", "front_tokens"), "seconds": ("device-seconds", "front_seconds")}

    def panel(cost: str) -> alt.TopLevelMixin:
        title, front = costs[cost]
        part = rows[rows[cost].notna()]
        smallest = part.loc[part[cost] > 0, cost].min()
        # symlog has a place for what costs nothing.
        scale = alt.Scale(type="symlog", constant=float(smallest) if smallest > 0 else 1.0, nice=False)
        number = "~s" if cost == "thinking_tokens" else ".2~g"
        axis = alt.Axis(grid=False, tickCount=5, format=number, labelOverlap="greedy")
        x = alt.X(f"{cost}:Q", title=f"{title} a question, all samples", scale=scale, axis=axis)
        shown = of_shown(part)
        tips = ["model:N", "family:N", "choice:N", "samples:Q", "budget:Q", "extensions:Q", *accuracy_tips()]
        tips += [alt.Tooltip("thinking_tokens:Q", format=",.1f"), alt.Tooltip("seconds:Q", format=".4f")]
        opacity = alt.condition(f"datum.{front}", alt.value(1), alt.value(0.3))
        points = shown.mark_point(filled=True).encode(
            x=x,
            y=share_y(),
            color=model_colour(models),
            opacity=opacity,
            size=alt.condition(f"datum.{front}", alt.value(60), alt.value(18)),
            tooltip=tips,
        )
        line = (
            alt.Chart(part[part[front]])
            .mark_line(interpolate="step-after", color=INK["soft"], strokeWidth=1.4)
            .encode(x=x, y=share_y())
        )
        return alt.layer(line, points).add_params(shown_models(models))

    panels = [(f"by {costs[cost][0]}", panel(cost)) for cost in costs if rows[cost].notna().any()]
    columns = "model benchmark family choice samples budget extensions thinking_tokens seconds accuracy ci_low ci_high"
    on_front = rows[rows["front_tokens"].astype(bool) | rows["front_seconds"].astype(bool)]
    return Figure(
        "cost_front",
        "What accuracy costs",
        "Every model, budget and way to combine samples. Line and large points: what nothing cheaper beats, picked on "
        "these questions, so points that stand out by less than their interval may be there by luck. Seconds are "
        "estimated from the speed of each model's sweep.",
        panels,
        columns_of(on_front, columns.split()),
        columns=2,
        empty="No table of the study says what its accuracy costs.",
    )
