"""The headline model's accuracy minus that of every other model; filled points: p < 0.05 after Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.comparisons import MODELS
from m1flow.report.charts import INK, Figure, by_benchmark, columns_of, of_shown, rounded, shown_models
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """The headline model against every other, a panel per benchmark."""
    rows = rounded(table[table["family"] == MODELS])
    rows = rows.assign(verdict=(rows["p_holm"] < 0.05).map({True: "different", False: "not shown to differ"}))
    extent = max(0.02, float(rows[["diff_low", "diff_high"]].abs().max().max())) if len(rows) else 1.0
    lead = str(rows["model"].iloc[0]) if len(rows) else ""

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        scale = alt.Scale(domain=[-extent, extent], nice=False)
        x = alt.X("difference:Q", title=f"{lead}, against it", scale=scale, axis=alt.Axis(format="+.0%", tickCount=5))
        y = alt.Y("against_model:N", title=None, sort=[model.name for model in models])
        base = of_shown(part, "against_model")
        colour = alt.Color("against_model:N", scale=alt.Scale(domain=[m.name for m in models]), legend=None)
        filled = alt.condition("datum.p_holm < 0.05", alt.value(1), alt.value(0.15))
        tips = [
            *("against_model:N", "verdict:N"),
            alt.Tooltip("difference:Q", format="+.1%"),
            alt.Tooltip("diff_low:Q", format="+.1%", title="from"),
            alt.Tooltip("diff_high:Q", format="+.1%", title="to"),
            alt.Tooltip("p_holm:Q", format=".4f", title="p after Holm"),
            alt.Tooltip("detectable:Q", format=".1%", title="smallest difference it would have found"),
        ]
        whiskers = base.mark_rule(strokeWidth=1.8, opacity=0.6).encode(
            x=alt.X("diff_low:Q", scale=scale), x2="diff_high:Q", y=y, color=colour
        )
        points = base.mark_point(filled=True, size=70).encode(
            x=x, y=y, color=colour, fillOpacity=filled, tooltip=tips, stroke=colour
        )
        zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color=INK["soft"]).encode(x=alt.X("x:Q", scale=scale))
        return alt.layer(zero, whiskers, points).add_params(shown_models(models))

    columns = "benchmark model against_model n difference diff_low diff_high p p_holm effect_size detectable method"
    return Figure(
        "models_apart",
        f"{lead} against every other model" if lead else "Models against each other",
        "Difference of accuracy on the same questions, each model under its largest budget, with 95% intervals. Full "
        "points: a difference at p < 0.05 after Holm's correction; pale ones: none shown, which is not the same as "
        "none there. Which model is compared with the others follows from how it was made.",
        by_benchmark(rows, panel),
        columns_of(rows, columns.split()),
        empty="No model was compared with another.",
    )
