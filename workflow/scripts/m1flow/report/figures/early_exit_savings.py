"""Accuracy against tokens saved by stopping early, with thresholds chosen on other questions."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.early_exit import BOTH, CONFIDENT, STABLE, THINKING_ONLY
from m1flow.report.charts import INK, Figure, columns_of, model_colour, of_shown, rounded, shown_models
from m1flow.report.study_tables import overall
from m1flow.study.roster import Model

RULES = {
    STABLE: "the answer stays the same",
    CONFIDENT: "the answer is likely enough",
    BOTH: "both",
}


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """What stopping early saves and loses, with thresholds chosen on other questions; a panel per rule."""
    table = overall(rounded(table))
    rows = table[table["tolerance"].notna()]
    free = rows["counted"] == THINKING_ONLY
    rows = rows.assign(
        x=rows["thinking_saved"].where(free, rows["saved"]), probes=free.map({True: "free", False: "paid"})
    )
    extent = max(0.01, float(rows[["change_low", "change_high"]].abs().max().max())) if len(rows) else 1.0
    left, right = (min(0.0, float(rows["x"].min())), max(0.05, float(rows["x"].max()))) if len(rows) else (0.0, 1.0)

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        axis = alt.Axis(format=".0%", grid=False, tickCount=5)
        scale = alt.Scale(domain=[left, right], nice=False, padding=8)
        x = alt.X("x:Q", title="tokens saved", scale=scale, axis=axis)
        scale = alt.Scale(domain=[-extent, extent], nice=False)
        y = alt.Y("change:Q", title=None, scale=scale, axis=alt.Axis(format="+.1%", tickCount=5))
        base = of_shown(part)
        low = alt.Y("change_low:Q", title=None, scale=scale)
        colour, dash = model_colour(models), alt.Scale(domain=["paid", "free"], range=[[1, 0], [2, 4]])
        whiskers = base.mark_rule(opacity=0.5).encode(x=x, y=low, y2="change_high:Q", color=colour)
        line = base.mark_line(strokeWidth=1.4, opacity=0.7).encode(
            x=x, y=y, order="tolerance:Q", color=colour, strokeDash=alt.StrokeDash("probes:N", scale=dash, legend=None)
        )
        tips = [
            *("model:N", "probes:N", alt.Tooltip("tolerance:Q", format=".0%", title="allowed to lose")),
            alt.Tooltip("change:Q", format="+.1%", title="accuracy"),
            alt.Tooltip("thinking_saved:Q", format=".1%", title="thinking saved"),
            alt.Tooltip("saved:Q", format=".1%", title="saved with probes paid"),
        ]
        points = base.mark_point(filled=True, size=40, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips)
        zero = alt.Chart(pd.DataFrame({"change": [0]})).mark_rule(color=INK["soft"]).encode(y=y)
        return alt.layer(zero, whiskers, line, points).add_params(shown_models(models))

    columns = (
        "model benchmark rule tolerance counted n accuracy ci_low ci_high change change_low change_high "
        "thinking_tokens probe_tokens thinking_saved saved"
    ).split()
    return Figure(
        "early_exit_savings",
        "What stopping early saves and loses",
        "Further right is cheaper, below zero is less accurate than thinking to the end. A rule asks for the answer at "
        "every budget, and stops when it holds; its thresholds are chosen on half of the questions, to lose at most "
        "0, 1, 2 or 5 points there, and scored on the other half. Solid: the answers asked for on the way are paid "
        "for; dotted: as if they were free. 95% intervals.",
        [(f"until {RULES[rule]}", panel(part)) for rule, part in rows.groupby("rule", sort=False)],
        columns_of(rows, columns),
        empty="No model that thinks was measured at two budgets or more, so there is nowhere to stop.",
    )
