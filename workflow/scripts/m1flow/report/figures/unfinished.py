"""Share of questions whose thinking was cut by the budget (solid) and without a readable answer (dotted)."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.report.charts import (
    Figure,
    budget_x,
    by_benchmark,
    columns_of,
    model_colour,
    of_shown,
    share_y,
    shown_models,
)
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Rates of cut thinking and of answers that could not be read."""
    thinking = table[table["model"].isin([m.name for m in models if m.thinks])]
    kinds = {"truncated_rate": "thinking was cut", "unparsed_rate": "answer could not be read"}
    long = thinking.melt(["model", "benchmark", "budget", "n"], list(kinds), "kind", "rate")
    long["kind"] = long["kind"].map(kinds)
    budgets = sorted(long["budget"].unique())

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        x = budget_x(budgets)
        dash = alt.StrokeDash(
            "kind:N",
            scale=alt.Scale(domain=list(kinds.values()), range=[[1, 0], [2, 4]]),
            legend=None,
        )
        base = of_shown(part)
        y = share_y("rate")
        tips = ["model:N", "kind:N", "budget:Q", alt.Tooltip("rate:Q", format=".1%"), "n:Q"]
        lines = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=model_colour(models), strokeDash=dash)
        hits = base.mark_point(size=160, opacity=0).encode(x=x, y=y, detail="model:N", tooltip=tips)
        return alt.layer(lines, hits).add_params(shown_models(models))

    return Figure(
        "unfinished",
        "Cut thinking and unreadable answers",
        "Solid: share of questions whose thinking was cut by the budget. Dotted: share without a readable answer, "
        "which counts as wrong and is never guessed.",
        by_benchmark(long, panel),
        columns_of(thinking, ["model", "benchmark", "budget", "n", "truncated_rate", "unparsed_rate"]),
        empty="No model of the study thinks.",
    )
