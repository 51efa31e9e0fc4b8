"""Accuracy against the number of times that thinking was forced on, under the largest total budget."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.flips import EXTENSIONS
from m1flow.report.charts import (
    Figure,
    by_benchmark,
    columns_of,
    interval_band,
    model_line,
    model_points,
    of_shown,
    shown_models,
)
from m1flow.report.cue_wording import by_cue
from m1flow.study.roster import Model


def draw(table: pd.DataFrame, flips: pd.DataFrame, models: Sequence[Model], cue: str) -> Figure:
    """Accuracy against forced extensions under the largest total budget.

    Args:
        table: rows of the accuracy contract, those without extensions included.
        flips: the table ``flips``.
        models: the study's models.
        cue: the cue that forced them.
    """
    largest = int(table["budget"].max()) if len(table) else 0
    key, moved = ["model", "benchmark", "budget", "extensions"], ["right_to_wrong", "wrong_to_right"]
    forced = flips[flips["along"] == EXTENSIONS].rename(columns={"after": "extensions"})
    table = table.merge(forced[key + moved].astype({"budget": "int64", "extensions": "int64"}), on=key, how="left")
    rows = table[(table["budget"] == largest) & table["model"].isin([m.name for m in models if m.thinks])]
    counts = sorted(rows["extensions"].unique().tolist())

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        x = alt.X(
            "extensions:Q",
            title=f"times thinking was forced on {by_cue(cue)}",
            scale=alt.Scale(domain=[min(counts), max(counts)], nice=False, padding=14),
            axis=alt.Axis(values=counts, format="d", grid=False),
        )
        base = of_shown(part)
        moves = [
            alt.Tooltip("right_to_wrong:Q", title="right → wrong"),
            alt.Tooltip("wrong_to_right:Q", title="wrong → right"),
        ]
        return alt.layer(
            interval_band(base, x, models), model_line(base, x, models), *model_points(base, x, models, moves)
        ).add_params(shown_models(models))

    columns = ["model", "benchmark", "budget", "extensions", "n", "accuracy", "ci_low", "ci_high", *moved]
    return Figure(
        "accuracy_by_extensions",
        "Accuracy when thinking is forced on",
        f"Each time the model wants to stop, it is forced on {by_cue(cue)}, up to {largest:,} thinking tokens in all. "
        "95% intervals; hover for the answers that were lost and won.",
        by_benchmark(rows, panel),
        columns_of(table, columns),
        empty="The study forces no extensions.",
    )
