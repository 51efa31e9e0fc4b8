"""Figures on comparisons: models in pairs, budgets chosen in three ways, flips, where questions fail, Pareto fronts."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from m1flow.charts import (
    INK,
    PALETTE,
    Figure,
    accuracy_tips,
    by_benchmark,
    model_colour,
    of_shown,
    share_axis,
    share_x,
    share_y,
    shown_models,
)
from m1flow.comparisons import MODELS
from m1flow.failures import MEANING
from m1flow.flips import BUDGET
from m1flow.policy_figures import columns_of, overall, rounded
from m1flow.roster import Model

WAYS = {
    "largest": "fixed: the largest",
    "chosen": "chosen on other questions",
    "oracle": "oracle: picked on these",
}
CATEGORY_COLOURS = (PALETTE[1], PALETTE[5], PALETTE[3], PALETTE[2], PALETTE[8], PALETTE[7], PALETTE[4])
"""Of the categories of `failures.MEANING`, in their order."""

_SURE = "p_holm"


def models_apart(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """The headline model against every other, a panel per benchmark."""
    rows = rounded(table[table["family"] == MODELS])
    rows = rows.assign(verdict=(rows[_SURE] < 0.05).map({True: "different", False: "not shown to differ"}))
    reach = max(0.02, float(rows[["diff_low", "diff_high"]].abs().max().max())) if len(rows) else 1.0
    lead = str(rows["model"].iloc[0]) if len(rows) else ""

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        scale = alt.Scale(domain=[-reach, reach], nice=False)
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


def budget_choice(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Accuracy where the budget was fixed, chosen on other questions, or picked with hindsight."""
    rows = rounded(overall(table))
    rows = rows.assign(chosen=rows["way"].map(WAYS))
    names = list(WAYS.values())
    shapes = alt.Scale(domain=names, range=["circle", "diamond", "triangle-up"])

    def panel(part: pd.DataFrame) -> alt.LayerChart:
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
        "budget_choice",
        "One budget: fixed, chosen elsewhere, or picked with hindsight",
        "The oracle budget is the best one on the very questions it is scored on, as in the paper's main table: its "
        "value is too high by what luck gave it. Only the other two say what to expect of new questions. 95% "
        "intervals; those of the oracle hold for all budgets at once.",
        by_benchmark(rows, panel),
        columns_of(rows, columns),
        columns=1,
        empty="No model was measured under several budgets.",
    )


def budget_flips(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Answers won and lost between neighbouring budgets."""
    rows = table[table["along"] == BUDGET]
    long = rows.melt(
        ["model", "benchmark", "before", "after", "n"], ["wrong_to_right", "right_to_wrong"], "move", "answers"
    )
    won = long["move"] == "wrong_to_right"
    long["share"] = (long["answers"].astype(float).where(won, -long["answers"].astype(float)) / long["n"]).round(4)
    long["move"] = won.map({True: "wrong → right", False: "right → wrong"})
    long["step"] = long["before"].astype(str) + " → " + long["after"].astype(str)
    steps = list(dict.fromkeys(long.sort_values("after")["step"]))
    reach = max(0.02, float(long["share"].abs().max())) if len(long) else 1.0

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        scale = alt.Scale(domain=[-reach, reach])
        bars = (
            of_shown(part)
            .mark_bar(cornerRadiusEnd=2)
            .encode(
                x=alt.X("step:N", title="from one budget to the next", sort=steps, axis=alt.Axis(labelAngle=-40)),
                xOffset=alt.XOffset("model:N", sort=[model.name for model in models]),
                y=alt.Y("share:Q", title="lost  ·  won", scale=scale, axis=alt.Axis(format="+.0%", tickCount=5)),
                color=model_colour(models),
                tooltip=["model:N", "step:N", "move:N", "answers:Q", alt.Tooltip("n:Q", title="of")],
            )
        )
        zero = alt.Chart(pd.DataFrame({"y": [0]})).mark_rule(color=INK["soft"]).encode(y=alt.Y("y:Q", scale=scale))
        return alt.layer(zero, bars).add_params(shown_models(models))

    columns = "model benchmark before after n right_to_wrong wrong_to_right changed".split()
    return Figure(
        "budget_flips",
        "Answers won and lost by a larger budget",
        "Share of answers that turned from wrong to right (up) and from right to wrong (down) from one budget to the "
        "next. A curve that stays level can hide as many of one as of the other.",
        by_benchmark(long, panel),
        columns_of(rows, columns),
        empty="No model was measured under several budgets.",
    )


def failures(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Where questions fail: the share of each category, a bar per model."""
    names = list(MEANING)
    rows = rounded(table).assign(meaning=table["category"].map(MEANING))
    rows["order"] = rows["category"].map({name: number for number, name in enumerate(names)})
    colours = alt.Scale(domain=names, range=list(CATEGORY_COLOURS))

    def panel(part: pd.DataFrame) -> alt.Chart:
        return (
            of_shown(part)
            .mark_bar()
            .encode(
                x=alt.X("share:Q", title="share of questions", scale=alt.Scale(domain=[0, 1]), axis=share_axis()),
                y=alt.Y("model:N", title=None, sort=[model.name for model in models]),
                color=alt.Color(
                    "category:N", scale=colours, legend=alt.Legend(orient="bottom", columns=2, symbolOpacity=1)
                ),
                order="order:Q",
                tooltip=[
                    *("model:N", "category:N", "meaning:N", alt.Tooltip("n:Q", title="questions")),
                    alt.Tooltip("share:Q", format=".1%"),
                    alt.Tooltip("ci_low:Q", format=".1%", title="from"),
                    alt.Tooltip("ci_high:Q", format=".1%", title="to"),
                ],
            )
            .add_params(shown_models(models))
        )

    columns = "model benchmark category n questions share ci_low ci_high".split()
    meanings = "; ".join(f"{name}: {meaning}" for name, meaning in MEANING.items())
    return Figure(
        "failures",
        "Where questions fail",
        f"Every question by what its answers do along the budgets. {meanings[0].upper()}{meanings[1:]}.",
        by_benchmark(rows, panel),
        columns_of(rows, columns),
        columns=2,
        by_model=False,
        empty="No table of the study says where questions fail.",
    )


def pareto(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Accuracy against what it costs, with the front that nothing cheaper beats; in tokens and in seconds."""
    rows = rounded(overall(table))
    costs = {"thinking_tokens": ("thinking tokens", "front_tokens"), "seconds": ("device-seconds", "front_seconds")}

    def panel(cost: str) -> alt.LayerChart:
        title, front = costs[cost]
        part = rows[rows[cost].notna()]
        smallest = part.loc[part[cost] > 0, cost].min()
        # symlog has a place for what costs nothing.
        scale = alt.Scale(type="symlog", constant=float(smallest) if smallest > 0 else 1.0, nice=False)
        number = "~s" if cost == "thinking_tokens" else ".2~g"
        axis = alt.Axis(grid=False, tickCount=5, format=number, labelOverlap="greedy")
        x = alt.X(f"{cost}:Q", title=f"{title} a question, all samples", scale=scale, axis=axis)
        shown = of_shown(part)
        tips = ["model:N", "family:N", "choice:N", "samples:Q", "budget:Q", "extensions:Q", *accuracy_tips()]
        tips += [alt.Tooltip("thinking_tokens:Q", format=",.1f"), alt.Tooltip("seconds:Q", format=".4f")]
        opacity = alt.condition(f"datum.{front}", alt.value(1), alt.value(0.3))
        points = shown.mark_point(filled=True).encode(
            x=x,
            y=share_y(),
            color=model_colour(models),
            opacity=opacity,
            size=alt.condition(f"datum.{front}", alt.value(60), alt.value(18)),
            tooltip=tips,
        )
        line = (
            alt.Chart(part[part[front]])
            .mark_line(interpolate="step-after", color=INK["soft"], strokeWidth=1.4)
            .encode(x=x, y=share_y())
        )
        return alt.layer(line, points).add_params(shown_models(models))

    panels = [(f"by {costs[cost][0]}", panel(cost)) for cost in costs if rows[cost].notna().any()]
    columns = "model benchmark family choice samples budget extensions thinking_tokens seconds accuracy ci_low ci_high"
    on_front = rows[rows["front_tokens"].astype(bool) | rows["front_seconds"].astype(bool)]
    return Figure(
        "pareto",
        "What accuracy costs",
        "Every model, budget and way to combine samples. Line and large points: what nothing cheaper beats, picked on "
        "these questions, so points that stand out by less than their interval may be there by luck. Seconds are "
        "estimated from the speed of each model's sweep.",
        panels,
        columns_of(on_front, columns.split()),
        columns=2,
        empty="No table of the study says what its accuracy costs.",
    )
