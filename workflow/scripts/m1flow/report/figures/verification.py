"""What became of the teachers' traces under strict verification."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

from m1flow.report.charts import INK, PALETTE, Figure, share_axis


def draw(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """The outcomes of every teacher's traces."""
    rows = pd.DataFrame(
        [(teacher, verdict, n) for teacher, verdicts in counts.items() for verdict, n in verdicts.items()],
        columns=["teacher", "verdict", "traces"],
    )
    verdicts = sorted(rows["verdict"].unique(), key=lambda v: (v != "verified", v))
    rows["share"] = rows["traces"] / rows.groupby("teacher")["traces"].transform("sum")
    colours = [INK["good"], INK["bad"], *PALETTE[2:3], INK["soft"], *PALETTE[4:]]

    by_verdict = alt.Scale(domain=verdicts, range=colours[: len(verdicts)])

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        return (
            alt.Chart(part)
            .mark_bar(cornerRadiusEnd=3)
            .encode(
                x=alt.X("share:Q", title="share of traces", scale=alt.Scale(domain=[0, 1]), axis=share_axis()),
                y=alt.Y("verdict:N", title=None, sort=verdicts),
                color=alt.Color("verdict:N", scale=by_verdict, legend=None),
                tooltip=["verdict:N", "traces:Q", alt.Tooltip("share:Q", format=".1%")],
            )
        )

    return Figure(
        "verification",
        "What became of the teachers' traces",
        "A trace is used only where a strict parser reads the right answer out of it.",
        [(teacher, panel(part)) for teacher, part in rows.groupby("teacher", sort=True)],
        rows[["teacher", "verdict", "traces", "share"]],
        compact=True,
        by_model=False,
        empty="The study has no teacher.",
    )
