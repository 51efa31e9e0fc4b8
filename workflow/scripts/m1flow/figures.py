"""The report's figures, each from its rows: Vega-Lite panels for the page, and one static SVG for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from m1flow.charts import (
    INK,
    PALETTE,
    Figure,
    accuracy_tips,
    budget_scale,
    budget_x,
    by_benchmark,
    interval_band,
    model_colour,
    model_line,
    model_points,
    of_shown,
    share_axis,
    share_y,
    shown_models,
    thinned,
)
from m1flow.policy_figures import columns_of
from m1flow.published import FIXED
from m1flow.roster import Model
from m1flow.thinking import by_cue


def accuracy_by_budget(
    table: pd.DataFrame, models: Sequence[Model], chance: Mapping[str, float], published: pd.DataFrame
) -> Figure:
    """Accuracy against the cap on thinking tokens, a panel per benchmark, a line per model.

    Args:
        table: rows of the accuracy contract.
        models: the study's models.
        chance: benchmark to the accuracy of guessing.
        published: the table of that name; its numbers at fixed budgets are drawn as a reference.
    """
    budgets = sorted(table["budget"].unique())
    x = budget_x(budgets)
    fixed = published[published["selection"] == FIXED]

    def panel(rows: pd.DataFrame) -> alt.LayerChart:
        reference = fixed[fixed["benchmark"].isin(rows["benchmark"])]
        theirs = _published_line(reference, models, x) if len(reference) else ()
        return _accuracy_panel(rows, models, x, chance, theirs)

    columns = ["model", "benchmark", "budget", "n", "accuracy", "ci_low", "ci_high", "thinking_tokens_mean"]
    numbers = columns_of(table, columns)
    if len(fixed):
        theirs = fixed[["model", "benchmark", "budget", "published", "difference"]]
        numbers = numbers.merge(theirs, on=["model", "benchmark", "budget"], how="left")
    return Figure(
        "accuracy_by_budget",
        "Accuracy by thinking budget",
        "Share of questions answered right when thinking is cut after so many tokens, with 95% intervals. "
        "Dashed: models that answer without thinking, and, in grey, guessing."
        + (" Crosses on a thin line: the published numbers at the same budgets." if len(fixed) else ""),
        by_benchmark(table, panel),
        numbers,
        empty="No cell of the sweep was measured.",
    )


def accuracy_by_tokens(table: pd.DataFrame, models: Sequence[Model], chance: Mapping[str, float]) -> Figure:
    """Accuracy against the thinking tokens really used."""
    top = float(table["thinking_tokens_mean"].max() or 1)
    used = [0, *sorted(b for b in table["budget"].unique() if 0 < b < top), top]
    axis = alt.Axis(grid=False, tickCount=6, format="~s", labelOverlap="greedy", labelSeparation=6)
    x = alt.X("thinking_tokens_mean:Q", title="mean thinking tokens used", scale=budget_scale(used), axis=axis)
    return Figure(
        "accuracy_by_tokens",
        "Accuracy by thinking really used",
        "The same answers, against the mean number of thinking tokens that the model spent: a budget that is not "
        "needed costs nothing. Each point is a budget.",
        by_benchmark(table, lambda rows: _accuracy_panel(rows, models, x, chance)),
        columns_of(table, ["model", "benchmark", "thinking_tokens_mean", "budget", "accuracy", "ci_low", "ci_high"]),
        empty="No cell of the sweep was measured.",
    )


def data_scale(table: pd.DataFrame, models: Sequence[Model], series: Sequence[Model], budget: int) -> Figure:
    """Accuracy at one budget, fixed beforehand, against the number of training traces."""
    made = {model.name: model for model in models if model.traces}
    rows = table[(table["budget"] == budget) & table["model"].isin(made)].copy()
    rows["traces"] = rows["model"].map(lambda name: made[name].traces)
    rows["how"] = rows["model"].map(lambda name: made[name].label)
    rows["in_series"] = rows["model"].isin([model.name for model in series])
    ticks = sorted(rows["traces"].unique().tolist())
    scale = alt.Scale(type="log", domain=[ticks[0] / 1.5, ticks[-1] * 1.5], nice=False) if ticks else alt.Undefined

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        axis = alt.Axis(values=ticks, format=",d", grid=False)
        x = alt.X("traces:Q", title="training traces", scale=scale, axis=axis)
        series_only = alt.Chart(part).transform_filter("datum.in_series")
        trend = series_only.mark_line(color=INK["soft"], strokeWidth=1.4, opacity=0.6).encode(x=x, y=share_y())
        shown = of_shown(part)
        whiskers = shown.mark_rule(strokeWidth=2, opacity=0.55).encode(
            x=x, y=share_y("ci_low"), y2="ci_high:Q", color=model_colour(models)
        )
        points = model_points(shown, x, models, extra=[alt.Tooltip("how:N", title="made with")])
        return alt.layer(trend, whiskers, *points).add_params(shown_models(models))

    where, line = "", ""
    if series:
        where = "of the line "
        line = " The line joins the students that differ in nothing but the number of training traces; the others "
        line += "stand beside it."
    return Figure(
        "data_scale",
        "Accuracy by amount of training data",
        f"At {budget:,} thinking tokens, the largest budget that all {where}have, chosen before looking.{line} 95% "
        "intervals.",
        by_benchmark(rows, panel),
        columns_of(rows, ["model", "how", "traces", "benchmark", "n", "accuracy", "ci_low", "ci_high"]),
        empty="No fine-tuned student was evaluated.",
    )


def extensions(table: pd.DataFrame, flips: pd.DataFrame, models: Sequence[Model], cue: str) -> Figure:
    """Accuracy against forced extensions under the largest total budget.

    Args:
        table: rows of the accuracy contract, those without extensions included.
        flips: the table of that name.
        models: the study's models.
        cue: what forced them.
    """
    largest = int(table["budget"].max()) if len(table) else 0
    key, moved = ["model", "benchmark", "budget", "extensions"], ["right_to_wrong", "wrong_to_right"]
    forced = flips[flips["along"] == "extensions"].rename(columns={"after": "extensions"})
    table = table.merge(forced[key + moved].astype({"budget": "int64", "extensions": "int64"}), on=key, how="left")
    rows = table[(table["budget"] == largest) & table["model"].isin([m.name for m in models if m.thinks])]
    counts = sorted(rows["extensions"].unique().tolist())

    def panel(part: pd.DataFrame) -> alt.LayerChart:
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
        "extensions",
        "Accuracy when thinking is forced on",
        f"Each time the model wants to stop, it is forced on {by_cue(cue)}, up to {largest:,} thinking tokens in all. "
        "95% intervals; hover for the answers that were lost and won.",
        by_benchmark(rows, panel),
        columns_of(table, columns),
        empty="The study forces no extensions.",
    )


def extension_flips(flips: pd.DataFrame, models: Sequence[Model], cue: str) -> Figure:
    """Answers lost and won by forced extensions under the largest total budget, against none; from the table flips."""
    thinking = [m.name for m in models if m.thinks]
    rows = flips[(flips["along"] == "extensions") & flips["model"].isin(thinking)]
    rows = rows[rows["budget"] == rows["budget"].max()].rename(columns={"after": "extensions"})
    long = rows.melt(["model", "benchmark", "extensions", "n"], ["wrong_to_right", "right_to_wrong"], "move", "answers")
    won = long["move"] == "wrong_to_right"
    long["share"] = long["answers"].astype(float).where(won, -long["answers"].astype(float)) / long["n"]
    long["move"] = won.map({True: "wrong → right", False: "right → wrong"})
    reach = max(0.02, float(long["share"].abs().max())) if len(long) else 1.0

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        y = alt.Y(
            "share:Q",
            title="lost  ·  won",
            scale=alt.Scale(domain=[-reach, reach]),
            axis=alt.Axis(format="+.0%", tickCount=5),
        )
        bars = (
            of_shown(part)
            .mark_bar(cornerRadiusEnd=2)
            .encode(
                x=alt.X(
                    "extensions:O", title=f"times thinking was forced on {by_cue(cue)}", axis=alt.Axis(labelAngle=0)
                ),
                xOffset=alt.XOffset("model:N", sort=[m.name for m in models]),
                y=y,
                color=model_colour(models),
                tooltip=["model:N", "extensions:O", "move:N", "answers:Q", alt.Tooltip("n:Q", title="of")],
            )
        )
        zero = alt.Chart(part).mark_rule(color=INK["soft"]).encode(y=alt.datum(0))
        return alt.layer(bars, zero).add_params(shown_models(models))

    return Figure(
        "extension_flips",
        "Answers lost and won by forcing",
        "Share of answers that turned from wrong to right (up) and from right to wrong (down), against not forcing.",
        by_benchmark(long, panel),
        long.drop(columns="share"),
        empty="The study forces no extensions.",
    )


def unfinished(table: pd.DataFrame, models: Sequence[Model]) -> Figure:
    """Rates of cut thinking and of answers that could not be read."""
    thinking = table[table["model"].isin([m.name for m in models if m.thinks])]
    kinds = {"truncated_rate": "thinking was cut", "unparsed_rate": "answer could not be read"}
    long = thinking.melt(["model", "benchmark", "budget", "n"], list(kinds), "kind", "rate")
    long["kind"] = long["kind"].map(kinds)
    budgets = sorted(long["budget"].unique())

    def panel(part: pd.DataFrame) -> alt.LayerChart:
        x = budget_x(budgets)
        dash = alt.StrokeDash(
            "kind:N",
            scale=alt.Scale(domain=list(kinds.values()), range=[[1, 0], [2, 4]]),
            legend=None,
        )
        base = of_shown(part)
        y = share_y("rate")
        tips = ["model:N", "kind:N", "budget:Q", alt.Tooltip("rate:Q", format=".1%"), "n:Q"]
        lines = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=model_colour(models), strokeDash=dash)
        hits = base.mark_point(size=160, opacity=0).encode(x=x, y=y, detail="model:N", tooltip=tips)
        return alt.layer(lines, hits).add_params(shown_models(models))

    return Figure(
        "unfinished",
        "Cut thinking and unreadable answers",
        "Solid: share of questions whose thinking was cut by the budget. Dotted: share without a readable answer, "
        "which counts as wrong and is never guessed.",
        by_benchmark(long, panel),
        columns_of(thinking, ["model", "benchmark", "budget", "n", "truncated_rate", "unparsed_rate"]),
        empty="No model of the study thinks.",
    )


def verification(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """What became of every teacher's traces."""
    rows = pd.DataFrame(
        [(teacher, verdict, n) for teacher, verdicts in counts.items() for verdict, n in verdicts.items()],
        columns=["teacher", "verdict", "traces"],
    )
    verdicts = sorted(rows["verdict"].unique(), key=lambda v: (v != "verified", v))
    rows["share"] = rows["traces"] / rows.groupby("teacher")["traces"].transform("sum")
    colours = [INK["good"], INK["bad"], *PALETTE[2:3], INK["soft"], *PALETTE[4:]]

    by_verdict = alt.Scale(domain=verdicts, range=colours[: len(verdicts)])

    def panel(part: pd.DataFrame) -> alt.Chart:
        return (
            alt.Chart(part)
            .mark_bar(cornerRadiusEnd=3)
            .encode(
                x=alt.X("share:Q", title="share of traces", scale=alt.Scale(domain=[0, 1]), axis=share_axis()),
                y=alt.Y("verdict:N", title=None, sort=verdicts),
                color=alt.Color("verdict:N", scale=by_verdict, legend=None),
                tooltip=["verdict:N", "traces:Q", alt.Tooltip("share:Q", format=".1%")],
            )
        )

    return Figure(
        "verification",
        "What became of the teachers' traces",
        "A trace is used only where a strict parser reads the right answer out of it.",
        [(teacher, panel(part)) for teacher, part in rows.groupby("teacher", sort=True)],
        rows[["teacher", "verdict", "traces", "share"]],
        compact=True,
        by_model=False,
        empty="The study has no teacher.",
    )


def loss_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """The training loss of every trained model."""

    def panel(curve: pd.DataFrame) -> alt.LayerChart:
        base = alt.Chart(curve).encode(x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=4)))
        y = alt.Y("loss:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=3))
        line = base.mark_line(strokeWidth=1.6, color=PALETTE[0]).encode(y=y)
        tips = ["step:Q", alt.Tooltip("loss:Q", format=".4f")]
        hits = base.mark_point(size=120, opacity=0).encode(y=y, tooltip=tips)
        return alt.layer(line, hits)

    ends = [
        {"model": name, "steps": int(c["step"].max()), "first_loss": c["loss"].iloc[0], "last_loss": c["loss"].iloc[-1]}
        for name, c in curves.items()
        if len(c)
    ]
    return Figure(
        "loss_curves",
        "Loss of every trained model",
        "Training loss (nats per trained token) by optimiser step; each panel has its own scale.",
        [(name, panel(thinned(curve))) for name, curve in curves.items() if len(curve)],
        pd.DataFrame(ends, columns=["model", "steps", "first_loss", "last_loss"]),
        columns=4,
        compact=True,
        by_model=False,
        empty="The study trains no model.",
    )


def funnel_bars(stages: pd.DataFrame) -> Figure:
    """The funnel as bars, for papers; the page draws its own from the same rows.

    Args:
        stages: label, kept, in the order data flows.
    """
    chart = (
        alt.Chart(stages)
        .mark_bar(color=PALETTE[0], cornerRadiusEnd=3)
        .encode(
            x=alt.X("kept:Q", title="questions", axis=alt.Axis(format=",d")),
            y=alt.Y("label:N", title=None, sort=None),
            tooltip=["label:N", "kept:Q"],
        )
    )
    return Figure(
        "funnel",
        "Questions left after every stage",
        "From raw rows to training data.",
        [("", chart)] if len(stages) else [],
        stages,
        by_model=False,
        empty="The study builds no training data.",
    )


def _accuracy_panel(
    rows: pd.DataFrame,
    models: Sequence[Model],
    x: alt.X,
    chance: Mapping[str, float],
    above: Sequence[alt.Chart] = (),
) -> alt.LayerChart:
    thinking = {m.name for m in models if m.thinks}
    rows = rows.assign(thinks=rows["model"].isin(thinking))
    shown = of_shown(rows)
    lines, direct = shown.transform_filter("datum.thinks"), shown.transform_filter("!datum.thinks")
    layers = [interval_band(lines, x, models), model_line(lines, x, models), *model_points(lines, x, models)]
    layers.append(
        direct.mark_rule(strokeDash=[6, 4], strokeWidth=1.8).encode(
            y=share_y(), color=model_colour(models), tooltip=["model:N", *accuracy_tips("answers")]
        )
    )
    benchmark = rows["benchmark"].iloc[0]
    if benchmark in chance:
        guess = alt.Chart(pd.DataFrame({"accuracy": [chance[benchmark]], "label": ["guessing"]}))
        tip = [alt.Tooltip("label:N", title="reference"), alt.Tooltip("accuracy:Q", format=".1%")]
        layers.insert(
            0, guess.mark_rule(strokeDash=[2, 3], color=INK["soft"], opacity=0.7).encode(y=share_y(), tooltip=tip)
        )
    return alt.layer(*layers, *above).add_params(shown_models(models))


def _published_line(rows: pd.DataFrame, models: Sequence[Model], x: alt.X) -> list[alt.Chart]:
    base = of_shown(rows)
    tips = [
        *("model:N", alt.Tooltip("published_as:N", title="published as"), "budget:Q"),
        alt.Tooltip("published:Q", format=".1%"),
        alt.Tooltip("difference:Q", format="+.1%", title="here, against it"),
    ]
    line = base.mark_line(strokeWidth=1, strokeDash=[1, 3]).encode(
        x=x, y=share_y("published"), color=model_colour(models)
    )
    crosses = base.mark_point(shape="cross", filled=True, size=34, opacity=0.8).encode(
        x=x, y=share_y("published"), color=model_colour(models), tooltip=tips
    )
    return [line, crosses]
