"""Share of wrong answers among the surest ones, against the share of questions answered."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.calibration_curves import RISK_COVERAGE
from m1flow.report.charts import Figure, by_benchmark, columns_of, model_colour, of_shown, share_y, shown_models
from m1flow.report.shown_confidence import curve_of, from_0_to_1, one_confidence
from m1flow.study.roster import Model


def draw(curves: pd.DataFrame, scores: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Errors against the share of questions answered; a panel per benchmark."""
    scores = one_confidence(scores)
    rows = curve_of(curves, RISK_COVERAGE, scores)

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        x = from_0_to_1("questions answered")
        base = of_shown(part)
        tips = [
            "model:N",
            *(alt.Tooltip(f"{c}:Q", format=".1%", title=t) for c, t in (("x", "answered"), ("y", "wrong"))),
        ]
        line = base.mark_line(strokeWidth=2).encode(x=x, y=share_y("y"), color=model_colour(models))
        hits = base.mark_point(size=140, opacity=0).encode(x=x, y=share_y("y"), detail="model:N", tooltip=tips)
        return alt.layer(line, hits).add_params(shown_models(models))

    columns = "model benchmark budget confidence n aurc aurc_low aurc_high aurc_best aurc_random".split()
    return Figure(
        "risk_coverage",
        "Errors when unsure answers are withheld",
        "Share of wrong answers among those given, if only the surest are given: a line that climbs to the right "
        "belongs to a model that knows what it doesn't know; a flat one would do as well withholding at random.",
        by_benchmark(rows, panel),
        columns_of(scores, columns),
        empty="The engine gave no log-probabilities, so there is nothing to withhold answers by.",
    )
