"""The kind of confidence that the figures show, and its axis."""

from __future__ import annotations

import altair as alt
import pandas as pd

from m1flow.report.charts import rounded, share_axis

LEAST_MASS = 0.01
"""Minimum total probability of the options; below it, a softmax over them only compares what the model never says."""

_CONFIDENCE = ["model", "benchmark", "confidence"]


def one_confidence(scores: pd.DataFrame) -> pd.DataFrame:
    """The confidence to show for each model at its largest budget: over options if meaningful, else of the answer."""
    largest = scores.sort_values("budget", kind="stable").drop_duplicates(_CONFIDENCE, keep="last")
    largest = largest[~(largest["option_mass"] < LEAST_MASS)]
    best = largest.groupby(_CONFIDENCE[:2])["confidence"].transform("max")
    return scores.loc[largest.index[largest["confidence"] == best].sort_values()]


def curve_of(curves: pd.DataFrame, curve: str, scores: pd.DataFrame) -> pd.DataFrame:
    """The points of one curve, of the scores that are shown, rounded as charts need them."""
    points, shown = curves[curves["curve"] == curve], pd.MultiIndex.from_frame(scores[_CONFIDENCE])
    return rounded(points[pd.MultiIndex.from_frame(points[_CONFIDENCE]).isin(shown)])


def from_0_to_1(title: str) -> alt.X:
    """A horizontal axis for a share."""
    return alt.X("x:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=share_axis(grid=False))
