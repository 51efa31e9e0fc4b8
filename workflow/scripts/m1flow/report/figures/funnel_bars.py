"""Questions left after every stage, from raw rows to training data."""

from __future__ import annotations

import altair as alt
import pandas as pd

from m1flow.report.charts import PALETTE, Figure


def draw(stages: pd.DataFrame) -> Figure:
    """The funnel as bars, for papers; the page draws its own from the same rows.

    Args:
        stages: label, kept, in the order data flows.
    """
    chart = (
        alt.Chart(stages)
        .mark_bar(color=PALETTE[0], cornerRadiusEnd=3)
        .encode(
            x=alt.X("kept:Q", title="questions", axis=alt.Axis(format=",d")),
            y=alt.Y("label:N", title=None, sort=None),
            tooltip=["label:N", "kept:Q"],
        )
    )
    return Figure(
        "funnel_bars",
        "Questions left after every stage",
        "From raw rows to training data.",
        [("", chart)] if len(stages) else [],
        stages,
        by_model=False,
        empty="The study builds no training data.",
    )
