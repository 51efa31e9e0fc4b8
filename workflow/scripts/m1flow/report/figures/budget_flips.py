"""Share of answers that turned from wrong to right (up) and from right to wrong (down) from one budget to the next."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.flips import BUDGET
from m1flow.report.charts import INK, Figure, by_benchmark, columns_of, model_colour, of_shown, shown_models
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Answers won and lost between neighbouring budgets."""
    rows = table[table["along"] == BUDGET]
    long = rows.melt(
        ["model", "benchmark", "before", "after", "n"], ["wrong_to_right", "right_to_wrong"], "move", "answers"
    )
    won = long["move"] == "wrong_to_right"
    long["share"] = (long["answers"].astype(float).where(won, -long["answers"].astype(float)) / long["n"]).round(4)
    long["move"] = won.map({True: "wrong → right", False: "right → wrong"})
    long["step"] = long["before"].astype(str) + " → " + long["after"].astype(str)
    steps = list(dict.fromkeys(long.sort_values("after")["step"]))
    extent = max(0.02, float(long["share"].abs().max())) if len(long) else 1.0

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        scale = alt.Scale(domain=[-extent, extent])
        bars = (
            of_shown(part)
            .mark_bar(cornerRadiusEnd=2)
            .encode(
                x=alt.X("step:N", title="from one budget to the next", sort=steps, axis=alt.Axis(labelAngle=-40)),
                xOffset=alt.XOffset("model:N", sort=[model.name for model in models]),
                y=alt.Y("share:Q", title="lost  ·  won", scale=scale, axis=alt.Axis(format="+.0%", tickCount=5)),
                color=model_colour(models),
                tooltip=["model:N", "step:N", "move:N", "answers:Q", alt.Tooltip("n:Q", title="of")],
            )
        )
        zero = alt.Chart(pd.DataFrame({"y": [0]})).mark_rule(color=INK["soft"]).encode(y=alt.Y("y:Q", scale=scale))
        return alt.layer(zero, bars).add_params(shown_models(models))

    columns = "model benchmark before after n right_to_wrong wrong_to_right changed".split()
    return Figure(
        "budget_flips",
        "Answers won and lost by a larger budget",
        "Share of answers that turned from wrong to right (up) and from right to wrong (down) from one budget to the "
        "next. A curve that stays level can hide as many of one as of the other.",
        by_benchmark(long, panel),
        columns_of(rows, columns),
        empty="No model was measured under several budgets.",
    )
