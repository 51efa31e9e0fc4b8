"""Figures on early exit, the order of the options and calibration."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.charts import INK, Figure, by_benchmark, model_colour, of_shown, share_axis, share_y, shown_models
from m1flow.early_exit import BOTH, CONFIDENT, STABLE, THINKING_ONLY
from m1flow.policy_figures import columns_of, overall, rounded
from m1flow.roster import Model

RULES = {
    STABLE: "the answer stays the same",
    CONFIDENT: "the answer is likely enough",
    BOTH: "both",
}
LEAST_MASS = 0.01
"""Of the options together, as a probability: below, a softmax over them only compares what is never said."""

_CONFIDENCE = ["model", "benchmark", "confidence"]
POSITION = ("chosen_at", "right_at", "position_bias", "accuracy_if_right_at")


def early_exit(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """What stopping early saves and loses, thresholds chosen on other questions; a panel per rule."""
    table = overall(rounded(table))
    rows = table[table["tolerance"].notna()]
    free = rows["counted"] == THINKING_ONLY
    rows = rows.assign(
        x=rows["thinking_saved"].where(free, rows["saved"]), probes=free.map({True: "free", False: "paid"})
    )
    reach = max(0.01, float(rows[["change_low", "change_high"]].abs().max().max())) if len(rows) else 1.0
    left, right = (min(0.0, float(rows["x"].min())), max(0.05, float(rows["x"].max()))) if len(rows) else (0.0, 1.0)

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        axis = alt.Axis(format=".0%", grid=False, tickCount=5)
        scale = alt.Scale(domain=[left, right], nice=False, padding=8)
        x = alt.X("x:Q", title="tokens saved", scale=scale, axis=axis)
        scale = alt.Scale(domain=[-reach, reach], nice=False)
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
        "early_exit",
        "What stopping early saves and loses",
        "Further right is cheaper, below zero is less accurate than thinking to the end. A rule asks for the answer at "
        "every budget, and stops when it holds; its thresholds are chosen on half of the questions, to lose at most "
        "0, 1, 2 or 5 points there, and scored on the other half. Solid: the answers asked for on the way are paid "
        "for; dotted: as if they were free. 95% intervals.",
        [(f"until {RULES[rule]}", panel(part)) for rule, part in rows.groupby("rule", sort=False)],
        columns_of(rows, columns),
        empty="No model that thinks was measured at two budgets or more, so there is nowhere to stop.",
    )


def option_order(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Which positions models favour; a panel per benchmark."""
    rows = rounded(table[table["measure"] == "position_bias"])
    reach = max(0.02, float(rows[["ci_low", "ci_high"]].abs().max().max())) if len(rows) else 1.0

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        axis = alt.Axis(format="+.0%", tickCount=5)
        y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[-reach, reach]), axis=axis)
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
        "option_order",
        "Positions that are favoured",
        "How much more often a position is chosen than it is right, over all orders: above zero the model likes the "
        "position. In the numbers: the share of questions that are right in every order, in some, in none, and with "
        "the same option in all. 95% intervals.",
        by_benchmark(rows, panel),
        _by_measure(table),
        empty="The options were shown in one order only: set sweep: permutations to see what their order does.",
    )


def reliability(curves: pd.DataFrame, scores: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Accuracy against confidence; a panel per benchmark."""
    scores = _one_confidence(scores)
    rows = rounded(_only(curves[curves["curve"] == "reliability"], scores))

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        x = _from_0_to_1("confidence")
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
        even = ends.mark_line(color=INK["soft"], strokeDash=[2, 3], strokeWidth=1).encode(x=x, y=share_y("y"))
        return alt.layer(even, whiskers, line, points).add_params(shown_models(models))

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


def risk_coverage(curves: pd.DataFrame, scores: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Errors against the share of questions answered; a panel per benchmark."""
    scores = _one_confidence(scores)
    rows = rounded(_only(curves[curves["curve"] == "risk_coverage"], scores))

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        x = _from_0_to_1("questions answered")
        base = of_shown(part)
        tips = [
            "model:N",
            *(alt.Tooltip(f"{c}:Q", format=".1%", title=t) for c, t in (("x", "answered"), ("y", "wrong"))),
        ]
        line = base.mark_line(strokeWidth=2).encode(x=x, y=share_y("y"), color=model_colour(models))
        hits = base.mark_point(size=140, opacity=0).encode(
            x=x, y=share_y("y"), detail="model:N", tooltip=["model:N", *tips]
        )
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


def _one_confidence(scores: pd.DataFrame) -> pd.DataFrame:
    """At each model's largest budget: the confidence over options where that says something, else of the answer."""
    largest = scores.sort_values("budget", kind="stable").drop_duplicates(_CONFIDENCE, keep="last")
    largest = largest[~(largest["option_mass"] < LEAST_MASS)]
    best = largest.groupby(_CONFIDENCE[:2])["confidence"].transform("max")
    return scores.loc[largest.index[largest["confidence"] == best].sort_values()]


def _only(curves: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The curves of the scores that are shown."""
    return curves[pd.MultiIndex.from_frame(curves[_CONFIDENCE]).isin(pd.MultiIndex.from_frame(scores[_CONFIDENCE]))]


def _by_measure(table: pd.DataFrame) -> pd.DataFrame:
    """A row per model and benchmark: mean accuracy over orders, and what questions do over all orders."""
    rows = table[~table["measure"].isin(POSITION)]
    key = ["model", "benchmark", "permutations"]
    wide = rows.pivot_table(["value", "ci_low", "ci_high"], key, "measure", aggfunc="mean", sort=False)
    names = {"value": "", "ci_low": "_low", "ci_high": "_high"}
    flat = pd.DataFrame(
        {
            measure + suffix: wide[column, measure]
            for measure in ("always_right", "sometimes_right", "never_right", "same_choice")
            if ("value", measure) in wide.columns
            for column, suffix in names.items()
        },
        index=wide.index,
    )
    if len(rows):
        flat.insert(0, "accuracy", wide["value", "accuracy"])
    return flat.reset_index()


def _from_0_to_1(title: str) -> alt.X:
    return alt.X("x:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=share_axis(grid=False))
