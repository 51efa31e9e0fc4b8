"""Training loss of every trained model."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

from m1flow.files.column_kinds import Kind
from m1flow.report.charts import PALETTE, Figure, thinned


def draw(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """The training loss of every trained model."""

    def panel(curve: pd.DataFrame) -> alt.TopLevelMixin:
        base = alt.Chart(curve).encode(x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=4)))
        y = alt.Y("loss:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=3))
        line = base.mark_line(strokeWidth=1.6, color=PALETTE[0]).encode(y=y)
        tips = ["step:Q", alt.Tooltip("loss:Q", format=".4f")]
        hits = base.mark_point(size=120, opacity=0).encode(y=y, tooltip=tips)
        return alt.layer(line, hits)

    ends = [
        {"model": name, "steps": int(c["step"].max()), "first_loss": c["loss"].iloc[0], "last_loss": c["loss"].iloc[-1]}
        for name, c in curves.items()
        if len(c)
    ]
    return Figure(
        "loss_curves",
        "Loss of every trained model",
        "Training loss (nats per trained token) by optimiser step; each panel has its own scale.",
        [(name, panel(thinned(curve))) for name, curve in curves.items() if len(curve)],
        pd.DataFrame(ends, columns=["model", "steps", "first_loss", "last_loss"]),
        columns=4,
        compact=True,
        by_model=False,
        kinds={"first_loss": Kind.LOSS, "last_loss": Kind.LOSS},
        empty="The study trains no model.",
    )
