"""How much more often each position of the options is chosen than it is right, over several orders."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.option_order import OVER_ORDERS
from m1flow.files.column_kinds import Kind
from m1flow.report.charts import INK, Figure, by_benchmark, model_colour, of_shown, rounded, shown_models
from m1flow.study.roster import Model

POSITION = ("chosen_at", "right_at", "position_bias", "accuracy_if_right_at")


def draw(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """The positions that models favour; a panel per benchmark."""
    rows = rounded(table[table["measure"] == "position_bias"])
    extent = max(0.02, float(rows[["ci_low", "ci_high"]].abs().max().max())) if len(rows) else 1.0

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        axis = alt.Axis(format="+.0%", tickCount=5)
        y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[-extent, extent]), axis=axis)
        base = of_shown(part)
        place = alt.X("item:O", title="position of the option", axis=alt.Axis(labelAngle=0, grid=False))
        offset = alt.XOffset("model:N", sort=[model.name for model in models])
        tips = ["model:N", "item:O", *(alt.Tooltip(f"{c}:Q", format="+.1%") for c in ("value", "ci_low", "ci_high"))]
        points = base.mark_point(filled=True, size=44, opacity=1).encode(
            x=place, xOffset=offset, y=y, color=model_colour(models), tooltip=tips
        )
        whiskers = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
            x=place, xOffset=offset, y=alt.Y("ci_low:Q", title=None), y2="ci_high:Q", color=model_colour(models)
        )
        zero = alt.Chart(part).mark_rule(color=INK["soft"]).encode(y=alt.datum(0))
        return alt.layer(zero, whiskers, points).add_params(shown_models(models))

    return Figure(
        "position_bias",
        "Positions that are favoured",
        "How much more often a position is chosen than it is right, over all orders: above zero the model likes the "
        "position. In the numbers: the share of questions that are right in every order, in some, in none, and with "
        "the same option in all. 95% intervals.",
        by_benchmark(rows, panel),
        _by_measure(table),
        kinds={measure + suffix: Kind.SHARE for measure in OVER_ORDERS for suffix in ("", "_low", "_high")},
        empty="The options were shown in one order only: set sweep: permutations to see what their order does.",
    )


def _by_measure(table: pd.DataFrame) -> pd.DataFrame:
    """A row per model and benchmark, with columns for each measure over all orders and the ends of its interval."""
    rows = table[~table["measure"].isin(POSITION)]
    key = ["model", "benchmark", "permutations"]
    wide = rows.pivot_table(["value", "ci_low", "ci_high"], key, "measure", aggfunc="mean", sort=False)
    names = {"value": "", "ci_low": "_low", "ci_high": "_high"}
    flat = pd.DataFrame(
        {
            measure + suffix: wide[column, measure]
            for measure in OVER_ORDERS
            if ("value", measure) in wide.columns
            for column, suffix in names.items()
        },
        index=wide.index,
    )
    if len(rows):
        flat.insert(0, "accuracy", wide["value", "accuracy"])
    return flat.reset_index()
