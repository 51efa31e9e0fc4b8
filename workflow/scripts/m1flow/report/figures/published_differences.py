"""Accuracy minus the published one, with 95% intervals."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.published import BEST, FIXED, NO_BUDGET
from m1flow.report.charts import INK, Figure, model_colour, of_shown, shown_models
from m1flow.study.roster import Model

KINDS = {
    FIXED: "at the largest budget that both have",
    BEST: "best of the budgets, chosen on the test questions",
    NO_BUDGET: "without a budget",
}


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """The study's number minus the published one, a panel per kind of number, a row per benchmark."""
    largest = table.groupby(["model", "benchmark", "selection"])["budget"].transform("max")
    rows = table[table["budget"] == largest]
    extent = max(0.05, float(rows[["diff_low", "diff_high"]].abs().max().max())) if len(rows) else 1.0
    benchmarks = list(dict.fromkeys(rows["benchmark"]))

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        scale = alt.Scale(domain=[-extent, extent], nice=False)
        axis = alt.Axis(format="+.0%", tickCount=5)
        y = alt.Y("benchmark:N", title=None, sort=benchmarks)
        offset = alt.YOffset("model:N", sort=[model.name for model in models])
        base = of_shown(part)
        tips = [
            *("model:N", alt.Tooltip("published_as:N", title="published as"), "budget:Q"),
            alt.Tooltip("published:Q", format=".1%"),
            alt.Tooltip("accuracy:Q", format=".1%", title="here"),
            alt.Tooltip("difference:Q", format="+.1%"),
            alt.Tooltip("diff_low:Q", format="+.1%", title="from"),
            alt.Tooltip("diff_high:Q", format="+.1%", title="to"),
        ]
        low = alt.X("diff_low:Q", title="here, against the published number", scale=scale, axis=axis)
        whiskers = base.mark_rule(strokeWidth=1.6, opacity=0.6).encode(
            x=low, x2="diff_high:Q", y=y, yOffset=offset, color=model_colour(models)
        )
        points = base.mark_point(filled=True, size=40, opacity=1).encode(
            x=alt.X("difference:Q", scale=scale, axis=axis),
            y=y,
            yOffset=offset,
            color=model_colour(models),
            tooltip=tips,
        )
        zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color=INK["soft"]).encode(x=alt.X("x:Q", scale=scale))
        return alt.layer(zero, whiskers, points).add_params(shown_models(models))

    panels = [(KINDS[kind], panel(part)) for kind in KINDS if len(part := rows[rows["selection"] == kind])]
    columns = "model benchmark budget published_as published published_n accuracy ci_low ci_high n difference diff_low"
    return Figure(
        "published_differences",
        "Difference to the published numbers",
        "Accuracy here less the published one, with 95% intervals that take both as independent samples of questions.",
        panels,
        rows[[*columns.split(), "diff_high"]].reset_index(drop=True),
        columns=2,
        empty="No model of this study is set beside a published one.",
    )
