"""Accuracy against confidence, in ten groups of about the same size."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.analysis.tables.calibration_curves import RELIABILITY
from m1flow.report.charts import INK, Figure, by_benchmark, columns_of, model_colour, of_shown, share_y, shown_models
from m1flow.report.shown_confidence import curve_of, from_0_to_1, one_confidence
from m1flow.study.roster import Model


def draw(curves: pd.DataFrame, scores: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Accuracy against confidence; a panel per benchmark."""
    scores = one_confidence(scores)
    rows = curve_of(curves, RELIABILITY, scores)

    def panel(part: pd.DataFrame) -> alt.TopLevelMixin:
        x = from_0_to_1("confidence")
        base = of_shown(part)
        tips = [
            alt.Tooltip("model:N"),
            alt.Tooltip("confidence:N", title="confidence from"),
            *(alt.Tooltip(f"{c}:Q", format=".1%", title=t) for c, t in (("x", "confidence"), ("y", "accuracy"))),
            alt.Tooltip("n:Q", title="answers"),
        ]
        whiskers = base.mark_rule(opacity=0.35).encode(
            x=x, y=share_y("ci_low"), y2="ci_high:Q", color=model_colour(models)
        )
        line = base.mark_line(strokeWidth=1.8).encode(x=x, y=share_y("y"), color=model_colour(models))
        points = base.mark_point(filled=True, size=30, opacity=1).encode(
            x=x, y=share_y("y"), color=model_colour(models), tooltip=tips
        )
        ends = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]}))
        diagonal = ends.mark_line(color=INK["soft"], strokeDash=[2, 3], strokeWidth=1).encode(x=x, y=share_y("y"))
        return alt.layer(diagonal, whiskers, line, points).add_params(shown_models(models))

    columns = (
        "model benchmark budget confidence read accuracy confidence_mean overconfidence overconfidence_low "
        "overconfidence_high ece ece_by_chance rms_error rms_low rms_high brier brier_low brier_high option_mass"
    ).split()
    return Figure(
        "reliability",
        "How sure, and how often right",
        "On the dotted line a model is right as often as it is sure; below it, it is too sure of itself. Answers at "
        "the largest budget in ten groups of about the same size, with 95% intervals. Confidence is the probability "
        "of the chosen option among all where the engine gave it and the model would state options so, else that of "
        "the answer's tokens.",
        by_benchmark(rows, panel),
        columns_of(scores, columns),
        empty="The engine gave no log-probabilities, so there is no confidence to compare with.",
    )
