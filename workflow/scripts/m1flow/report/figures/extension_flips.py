"""Share of answers that forced extensions turned from wrong to right (up) and from right to wrong (down)."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.flips import EXTENSIONS
from m1flow.report.charts import INK, Figure, by_benchmark, model_colour, of_shown, shown_models
from m1flow.report.cue_wording import by_cue
from m1flow.study.roster import Model


def draw(flips: pd.DataFrame, models: Sequence[Model], cue: str) -> Figure:
    """Answers won and lost by forced extensions, compared with none, under the largest total budget."""
    thinking = [m.name for m in models if m.thinks]
    rows = flips[(flips["along"] == EXTENSIONS) & flips["model"].isin(thinking)]
    rows = rows[rows["budget"] == rows["budget"].max()].rename(columns={"after": "extensions"})
    long = rows.melt(["model", "benchmark", "extensions", "n"], ["wrong_to_right", "right_to_wrong"], "move", "answers")
    won = long["move"] == "wrong_to_right"
    long["share"] = long["answers"].astype(float).where(won, -long["answers"].astype(float)) / long["n"]
    long["move"] = won.map({True: "wrong → right", False: "right → wrong"})
    extent = max(0.02, float(long["share"].abs().max())) if len(long) else 1.0

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        y = alt.Y(
            "share:Q",
            title="lost  ·  won",
            scale=alt.Scale(domain=[-extent, extent]),
            axis=alt.Axis(format="+.0%", tickCount=5),
        )
        bars = (
            of_shown(part)
            .mark_bar(cornerRadiusEnd=2)
            .encode(
                x=alt.X(
                    "extensions:O", title=f"times thinking was forced on {by_cue(cue)}", axis=alt.Axis(labelAngle=0)
                ),
                xOffset=alt.XOffset("model:N", sort=[m.name for m in models]),
                y=y,
                color=model_colour(models),
                tooltip=["model:N", "extensions:O", "move:N", "answers:Q", alt.Tooltip("n:Q", title="of")],
            )
        )
        zero = alt.Chart(part).mark_rule(color=INK["soft"]).encode(y=alt.datum(0))
        return alt.layer(bars, zero).add_params(shown_models(models))

    return Figure(
        "extension_flips",
        "Answers lost and won by forcing",
        "Share of answers that turned from wrong to right (up) and from right to wrong (down), against not forcing.",
        by_benchmark(long, panel),
        long.drop(columns="share"),
        empty="The study forces no extensions.",
    )
