"""Figures on comparisons, from hand-made tables."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from m1flow import (
    budget_choice,
    comparison_figures,
    comparisons,
    cue_effects,
    cue_figure,
    failures,
    figures,
    flips,
    pareto,
    policies,
    policy_figures,
    published,
    published_figure,
)
from m1flow.roster import Model
from m1flow.statistics import MACRO

MODELS = [Model("lead", True), Model("other", True)]
FIGURES = {
    comparison_figures.models_apart: comparisons.COLUMNS,
    comparison_figures.budget_choice: budget_choice.COLUMNS,
    comparison_figures.budget_flips: flips.COLUMNS,
    comparison_figures.failures: failures.COLUMNS,
    comparison_figures.pareto: pareto.COLUMNS,
    published_figure.differences: published.COLUMNS,
}


def rows(columns: list[str], *given: dict) -> pd.DataFrame:
    return pd.DataFrame([dict.fromkeys(columns, 0) | row for row in given], columns=columns)


@pytest.mark.parametrize("draw", FIGURES)
def test_a_study_without_the_table_says_so(draw):
    figure = draw(pd.DataFrame(columns=FIGURES[draw]), MODELS)
    assert figure.panels == [] and figure.empty and figure.empty in figure.svg().replace("&amp;", "&")


def test_why_a_figure_is_empty_is_true_of_models_that_answer_directly():
    """Their questions are sorted and their costs counted too, so no figure is empty for want of thinking."""
    for draw, columns in FIGURES.items():
        assert "think" not in draw(pd.DataFrame(columns=columns), [Model("direct", False)]).empty


def test_other_families_are_no_comparison_of_models():
    table = rows(
        comparisons.COLUMNS,
        {"family": "models", "benchmark": "medqa", "model": "lead", "against_model": "other", "p_holm": 0.2},
        {"family": "budgets", "benchmark": "medqa", "model": "lead", "against_model": "lead", "p_holm": 0.01},
    )
    figure = comparison_figures.models_apart(table, MODELS)
    assert figure.title == "lead against every other model"
    assert figure.table["against_model"].tolist() == ["other"]
    assert "not shown to differ" in json.dumps(figure.specs())


def test_choices_are_shown_on_the_macro_average_where_there_is_one():
    table = rows(
        budget_choice.COLUMNS,
        *({"model": "lead", "benchmark": name, "way": "oracle"} for name in ("medqa", "nejm", MACRO)),
    )
    assert [heading for heading, _ in comparison_figures.budget_choice(table, MODELS).panels] == [MACRO]
    assert len(comparison_figures.budget_choice(table[:1], MODELS).panels) == 1


def test_flips_keep_losses_below_the_line_and_budgets_in_order():
    steps = [(8, 16), (0, 8)]
    table = rows(
        flips.COLUMNS,
        *(
            {"along": "budget", "model": "lead", "benchmark": "medqa", "before": a, "after": b, "n": 100}
            | {"wrong_to_right": 30, "right_to_wrong": 10}
            for a, b in steps
        ),
        {"along": "extensions", "model": "lead", "benchmark": "medqa", "before": 0, "after": 2, "n": 100},
    )
    figure = comparison_figures.budget_flips(table, MODELS)
    ((_, spec),) = figure.specs()
    drawn = [row for data in spec["datasets"].values() for row in data if "share" in row]
    assert {(row["move"], row["share"]) for row in drawn} == {("wrong → right", 0.3), ("right → wrong", -0.1)}
    assert '"sort": ["0 \\u2192 8", "8 \\u2192 16"]' in json.dumps(spec)
    assert len(figure.table) == 2


def test_cues_are_drawn_under_the_largest_cap():
    table = rows(
        cue_effects.COLUMNS,
        *(
            {"model": "lead", "benchmark": "medqa", "cue": cue, "budget": budget, "extensions": count, "accuracy": 0.5}
            for cue in ("Wait", "Hmm")
            for budget in (32, 64)
            for count in (1, 2)
        ),
    )
    figure = cue_figure.cues(table)
    ((heading, spec),) = figure.specs()
    drawn = [row for data in spec["datasets"].values() for row in data]
    assert heading == "lead, medqa" and {row["budget"] for row in drawn} == {64} and len(drawn) == 4
    assert len(figure.table) == 8
    assert "several" in cue_figure.cues(table[:0]).empty


def test_panels_name_the_macro_average_that_they_show():
    cells = [{"cue": cue, "budget": 64, "extensions": count} for cue in ("Wait", "none") for count in (1, 2)]
    several = [
        cell | {"model": model, "benchmark": name}
        for model in ("lead", "other")
        for name in ("nejm", MACRO)
        for cell in cells
    ]
    figure = cue_figure.cues(rows(cue_effects.COLUMNS, *several))
    assert [heading for heading, _ in figure.panels] == [f"lead, {MACRO}", f"other, {MACRO}"]
    assert "says nothing" in figure.caption


def test_ways_to_spend_tokens_are_drawn_on_the_macro_average_where_benchmarks_are_many():
    def drawn(models, benchmarks):
        spent = [
            {"model": model, "benchmark": name, "family": family, "choice": "single" if samples == 1 else "vote"}
            | {"samples": samples, "budget": 8, "thinking_tokens": 8 * samples}
            for model in models
            for name in (*benchmarks, MACRO)
            for family, samples in (("sequential", 1), ("parallel", 2))
        ]
        return policy_figures.policies(rows(policies.COLUMNS, *spent))

    many = [f"b{number}" for number in range(policy_figures.MOST_PANELS)]
    assert [heading for heading, _ in drawn(["lead"], many).panels] == many
    figure = drawn(["lead", "other"], many)
    assert [heading for heading, _ in figure.panels] == [f"lead, {MACRO}", f"other, {MACRO}"]
    assert [heading for heading, _ in drawn(["lead"], [*many, "more"]).panels] == [MACRO]
    legend = figure.specs()[0][1]["layer"][0]["encoding"]["color"]["legend"]
    assert legend["values"] == ["one sample, cut", "samples that vote"], "not those that nobody measured"


def test_accuracies_beside_published_ones_keep_their_legend():
    columns = "model benchmark budget extensions n correct accuracy ci_low ci_high thinking_tokens_mean".split()
    cells = rows(columns, *({"model": m.name, "benchmark": "medqa", "budget": b} for m in MODELS for b in (8, 16)))
    theirs = {"model": "lead", "benchmark": "medqa", "budget": 8, "selection": published.FIXED, "published_as": "A"}
    beside = rows(published.COLUMNS, theirs)
    for reference in (beside[:0], beside):
        svg = figures.accuracy_by_budget(cells, MODELS, {"medqa": 0.25}, reference).svg()
        assert all(f">{model.name}<" in svg for model in MODELS)


def test_the_line_of_training_data_is_spoken_of_where_there_is_one():
    made = [Model(f"m{traces}", True, traces, "full", "hard", "base", "data", "hard") for traces in (40, 200)]
    columns = "model benchmark budget extensions n correct accuracy ci_low ci_high thinking_tokens_mean".split()
    cells = rows(columns, *({"model": model.name, "benchmark": "medqa", "budget": 8} for model in made))
    assert "The line joins" in figures.data_scale(cells, made, made, 8).caption
    alone = figures.data_scale(cells[:1], made[:1], [], 8)
    assert "line" not in alone.caption and len(alone.table) == 1


def test_every_category_has_a_colour_of_its_own():
    assert len(set(comparison_figures.CATEGORY_COLOURS)) == len(failures.MEANING)


def test_the_front_in_seconds_is_drawn_only_where_seconds_are_known():
    point = {"model": "lead", "benchmark": "medqa", "family": "sequential", "thinking_tokens": 8.0, "accuracy": 0.5}
    known = rows(pareto.COLUMNS, point | {"seconds": 0.1, "front_tokens": True, "front_seconds": True})
    unknown = known.assign(seconds=float("nan"), front_seconds=False)
    assert [heading for heading, _ in comparison_figures.pareto(known, MODELS).panels] == [
        "by thinking tokens",
        "by device-seconds",
    ]
    assert [heading for heading, _ in comparison_figures.pareto(unknown, MODELS).panels] == ["by thinking tokens"]


def test_published_numbers_are_shown_at_the_largest_budget_that_both_have():
    row = {"model": "lead", "benchmark": "medqa", "published_as": "m1-7B-1K", "diff_low": -0.1, "diff_high": 0.1}
    table = rows(
        published.COLUMNS,
        *(row | {"selection": published.FIXED, "budget": budget} for budget in (128, 2048)),
        row | {"selection": published.BEST, "budget": 512},
    )
    figure = published_figure.differences(table, MODELS)
    assert figure.table["budget"].tolist() == [2048, 512] and len(figure.panels) == 2
