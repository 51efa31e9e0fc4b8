"""Questions by what becomes of their answers as the budget grows."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.failures import MEANING
from m1flow.report.charts import PALETTE, Figure, by_benchmark, columns_of, of_shown, rounded, share_axis, shown_models
from m1flow.study.roster import Model

CATEGORY_COLOURS = (PALETTE[1], PALETTE[5], PALETTE[3], PALETTE[2], PALETTE[8], PALETTE[7], PALETTE[4])
"""Colours of the categories of `failures.MEANING`, in their order."""


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Where questions fail: the share of each category, a bar per model."""
    names = list(MEANING)
    rows = rounded(table).assign(meaning=table["category"].map(MEANING))
    rows["order"] = rows["category"].map({name: number for number, name in enumerate(names)})
    colours = alt.Scale(domain=names, range=list(CATEGORY_COLOURS))

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        return (
            of_shown(part)
            .mark_bar()
            .encode(
                x=alt.X("share:Q", title="share of questions", scale=alt.Scale(domain=[0, 1]), axis=share_axis()),
                y=alt.Y("model:N", title=None, sort=[model.name for model in models]),
                color=alt.Color(
                    "category:N", scale=colours, legend=alt.Legend(orient="bottom", columns=2, symbolOpacity=1)
                ),
                order="order:Q",
                tooltip=[
                    *("model:N", "category:N", "meaning:N", alt.Tooltip("n:Q", title="questions")),
                    alt.Tooltip("share:Q", format=".1%"),
                    alt.Tooltip("ci_low:Q", format=".1%", title="from"),
                    alt.Tooltip("ci_high:Q", format=".1%", title="to"),
                ],
            )
            .add_params(shown_models(models))
        )

    columns = "model benchmark category n questions share ci_low ci_high".split()
    meanings = "; ".join(f"{name}: {meaning}" for name, meaning in MEANING.items())
    return Figure(
        "failure_shares",
        "Where questions fail",
        f"Every question by what its answers do along the budgets. {meanings[0].upper()}{meanings[1:]}.",
        by_benchmark(rows, panel),
        columns_of(rows, columns),
        columns=2,
        by_model=False,
        empty="No table of the study says where questions fail.",
    )
