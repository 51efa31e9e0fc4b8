"""Accuracy against the number of forced extensions, for each of the cues that force them."""

from __future__ import annotations

import altair as alt
import pandas as pd

from m1flow.report.charts import PALETTE, Figure, accuracy_tips, columns_of, rounded, share_y
from m1flow.report.study_tables import overall
from m1flow.sweep.plan import NO_CUE

SILENT = f" “{NO_CUE}” says nothing: the end of thinking is held back for a token, and that is all."
DASHES = [[1, 0], [8, 5], [2, 4]]


def draw(table: pd.DataFrame) -> Figure:
    """Accuracy against forced extensions under the largest cap, a line per cue, a panel per model and benchmark."""
    rows = rounded(overall(table))
    rows = rows[rows["budget"] == rows.groupby("model")["budget"].transform("max")]
    names = list(dict.fromkeys(rows["cue"]))
    scale = alt.Scale(domain=names, range=[PALETTE[number % len(PALETTE)] for number in range(len(names))])
    legend = alt.Legend(orient="bottom", columns=3, symbolType="stroke", symbolStrokeWidth=2, symbolOpacity=1)
    # Cues may have equal results; dashed lines let the lines below them show.
    dashes = alt.Scale(domain=names, range=[DASHES[number % len(DASHES)] for number in range(len(names))])
    dash = alt.StrokeDash("cue:N", scale=dashes, legend=legend)
    counts = sorted(rows["extensions"].unique().tolist())

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        x = alt.X(
            "extensions:Q",
            title="times thinking was forced on",
            scale=alt.Scale(domain=[min(counts), max(counts)], nice=False, padding=14),
            axis=alt.Axis(values=counts, format="d", grid=False),
        )
        colour = alt.Color("cue:N", scale=scale, legend=legend)
        tips = [
            *("cue:N", "extensions:Q", *accuracy_tips()),
            alt.Tooltip("thinking_tokens_mean:Q", format=",.1f", title="tokens used"),
            alt.Tooltip("difference:Q", format="+.1%", title="against the first cue"),
            alt.Tooltip("p_holm:Q", format=".4f", title="p after Holm"),
        ]
        base = alt.Chart(part)
        band = base.mark_area(opacity=0.13).encode(x=x, y=share_y("ci_low"), y2="ci_high:Q", color=colour)
        line = base.mark_line(strokeWidth=2.2).encode(x=x, y=share_y(), color=colour, strokeDash=dash)
        points = base.mark_point(filled=True, size=44, opacity=1).encode(x=x, y=share_y(), color=colour, tooltip=tips)
        return alt.layer(band, line, points)

    columns = "model benchmark cue budget extensions n accuracy ci_low ci_high difference diff_low diff_high p p_holm"
    return Figure(
        "accuracy_by_cue",
        "Accuracy by the cue that forces it on",
        "The same thoughts, forced on with different cues, under the largest cap. 95% intervals; differences to the "
        f"first cue are tested in pairs, on the same questions.{SILENT if NO_CUE in names else ''}",
        [(", ".join(key), panel(part)) for key, part in rows.groupby(["model", "benchmark"], sort=False)],
        columns_of(overall(table), columns.split()),
        by_model=False,
        empty="The study forces extensions with one cue: list several under sweep: extensions: cues to compare them.",
    )
