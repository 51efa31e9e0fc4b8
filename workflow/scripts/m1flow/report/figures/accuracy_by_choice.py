"""Accuracy under the largest budget, one chosen on other questions, and the oracle's, picked with hindsight."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.budget_choice import CHOSEN, LARGEST, ORACLE
from m1flow.report.charts import (
    Figure,
    accuracy_tips,
    by_benchmark,
    columns_of,
    model_colour,
    of_shown,
    rounded,
    share_x,
    shown_models,
)
from m1flow.report.study_tables import overall
from m1flow.study.roster import Model

WAYS = {
    LARGEST: "fixed: the largest",
    CHOSEN: "chosen on other questions",
    ORACLE: "oracle: picked on these",
}


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Accuracy with the budget fixed, chosen on other questions, or picked with hindsight."""
    rows = rounded(overall(table))
    rows = rows.assign(chosen=rows["way"].map(WAYS))
    names = list(WAYS.values())
    shapes = alt.Scale(domain=names, range=["circle", "diamond", "triangle-up"])

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        y = alt.Y("model:N", title=None, sort=[model.name for model in models])
        offset = alt.YOffset("chosen:N", sort=names)
        base = of_shown(part)
        tips = ["model:N", "chosen:N", "budget:Q", alt.Tooltip("budget_low:Q", title="budget from")]
        tips += [alt.Tooltip("budget_high:Q", title="to"), *accuracy_tips()]
        colour = model_colour(models)
        whiskers = base.mark_rule(strokeWidth=1.6, opacity=0.55).encode(
            x=share_x("ci_low"), x2="ci_high:Q", y=y, yOffset=offset, color=colour
        )
        shape = alt.Shape("chosen:N", scale=shapes, legend=alt.Legend(orient="bottom", columns=1, symbolOpacity=1))
        points = base.mark_point(filled=True, size=46, opacity=1).encode(
            x=share_x().title("accuracy"), y=y, yOffset=offset, color=colour, shape=shape, tooltip=tips
        )
        return alt.layer(whiskers, points).add_params(shown_models(models))

    columns = "model benchmark way budget budget_low budget_high n accuracy ci_low ci_high".split()
    return Figure(
        "accuracy_by_choice",
        "One budget: fixed, chosen elsewhere, or picked with hindsight",
        "The oracle budget is the best one on the very questions it is scored on, as in the paper's main table: its "
        "value is too high by what luck gave it. Only the other two say what to expect of new questions. 95% "
        "intervals; those of the oracle hold for all budgets at once.",
        by_benchmark(rows, panel),
        columns_of(rows, columns),
        columns=1,
        empty="No model was measured under several budgets.",
    )
