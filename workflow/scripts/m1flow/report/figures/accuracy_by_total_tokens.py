"""Accuracy against the thinking tokens of all samples: one that is cut or forced on, or several that vote."""

from __future__ import annotations

import altair as alt
import pandas as pd

from m1flow.analysis.intervals import MACRO
from m1flow.analysis.policy_outcomes import SINGLE, VOTE
from m1flow.report.charts import PALETTE, Figure, accuracy_tips, budget_scale, columns_of, rounded, share_y
from m1flow.report.study_tables import overall

MOST_PANELS = 12
"""Maximum number of panels of a figure; if models times benchmarks are more, only macro averages are shown."""
FAMILIES = {
    "sequential": "one sample, cut",
    "forced": "one sample, forced on",
    "parallel": "samples that vote",
    "hybrid": "cut samples that vote",
}


def draw(table: pd.DataFrame) -> Figure:
    """Accuracy against all thinking tokens of a question, a line per way of spending them."""
    table = rounded(table[table["choice"].isin([SINGLE, VOTE])])
    several = table.groupby("model")["samples"].transform("max") > 1
    thinking = table.groupby("model")["thinking_tokens"].transform("max") > 0
    rows = table[several & thinking].assign(way=lambda rows: rows["family"].map(FAMILIES))
    names = list(FAMILIES.values())
    legend = alt.Legend(orient="bottom", columns=2, symbolType="stroke", symbolStrokeWidth=2, symbolOpacity=1)
    legend.values = [name for name in names if (rows["way"] == name).any()]
    colour = alt.Color("way:N", scale=alt.Scale(domain=names, range=PALETTE[: len(names)]), legend=legend)
    width = alt.condition("datum.family == 'hybrid'", alt.value(1), alt.value(2.2))

    rows = rows.assign(line=rows["family"] + rows["samples"].where(rows["family"] == "hybrid", 0).astype(str))
    shown = _few_panels(rows)
    rows = pd.concat([part for _, part in shown]) if shown else rows
    axis = alt.Axis(grid=False, tickCount=5, format="~s", labelOverlap="greedy", labelSeparation=6)
    scale = budget_scale([0, *rows["thinking_tokens"].unique()])
    x = alt.X("thinking_tokens:Q", title="thinking tokens of all samples", scale=scale, axis=axis)

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        lines = (
            alt.Chart(pd.concat([part, _turning_points(part)]))
            .mark_line()
            .encode(x=x, y=share_y(), color=colour, detail="line:N", order="thinking_tokens:Q", strokeWidth=width)
        )
        base = alt.Chart(part)
        whiskers = base.mark_rule(opacity=0.35).encode(x=x, y=share_y("ci_low"), y2="ci_high:Q", color=colour)
        tips = ["way:N", "samples:Q", "budget:Q", "extensions:Q", *accuracy_tips()]
        tips.append(alt.Tooltip("thinking_tokens:Q", format=",.0f", title="thinking tokens"))
        points = base.mark_point(filled=True, size=30, opacity=1).encode(x=x, y=share_y(), color=colour, tooltip=tips)
        return alt.layer(whiskers, lines, points)

    columns = "model benchmark family samples budget extensions n accuracy ci_low ci_high thinking_tokens".split()
    return Figure(
        "accuracy_by_total_tokens",
        "Accuracy by all thinking tokens spent",
        "Read across at one number of tokens: the higher line spends them better. One sample that is cut at a budget "
        "or forced on, samples that think to the largest budget and vote, and samples that are cut earlier and vote "
        "(a line per number of samples); every point is a mean over all choices of so many samples. 95% intervals.",
        [(heading, panel(part)) for heading, part in shown],
        columns_of(rows, columns),
        by_model=False,
        empty="Models that think answered every question once, so there is nothing to vote on: set sweep: samples to "
        "more than 1, with a temperature.",
    )


def _turning_points(part: pd.DataFrame) -> pd.DataFrame:
    """Add the points where lines meet: votes begin at one sample under the largest budget, hybrids end at votes."""
    one = part[part["family"] == "sequential"].sort_values("budget").tail(1)
    votes = part[part["family"] == "parallel"]
    hybrids = set(part.loc[part["family"] == "hybrid", "samples"])
    ends = votes[votes["samples"].isin(hybrids)]
    cap = part.loc[part["family"] == "forced", "budget"].max()
    unforced = part[(part["family"] == "sequential") & (part["budget"] == cap)]
    return pd.concat(
        [
            one.assign(line="parallel0", way=FAMILIES["parallel"]),
            unforced.assign(line="forced0", way=FAMILIES["forced"]),
            ends.assign(line="hybrid" + ends["samples"].astype(str), way=FAMILIES["hybrid"], family="hybrid"),
        ]
    )


def _few_panels(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """A panel per model and benchmark, without macro averages; if there are too many, only macro averages."""
    groups = rows[rows["benchmark"] != MACRO].groupby(["model", "benchmark"], sort=False)
    if groups.ngroups > MOST_PANELS:
        groups = overall(rows).groupby(["model", "benchmark"], sort=False)
    models = rows["model"].nunique()
    return [(f"{model}, {name}" if models > 1 else str(name), part) for (model, name), part in groups]
