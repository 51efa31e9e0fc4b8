"""Figures on comparisons, from hand-made tables."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from m1flow.analysis.intervals import MACRO
from m1flow.analysis.registry import declared
from m1flow.analysis.tables import failures, published
from m1flow.report.figures import (
    accuracy_by_budget,
    accuracy_by_choice,
    accuracy_by_cue,
    accuracy_by_total_tokens,
    budget_flips,
    cost_front,
    data_scale,
    failure_shares,
    models_apart,
    published_differences,
)
from m1flow.study.roster import Model

MODELS = [Model("lead", True), Model("other", True)]
FIGURES = {
    models_apart.draw: "comparisons",
    accuracy_by_choice.draw: "budget_choice",
    budget_flips.draw: "flips",
    failure_shares.draw: "failures",
    cost_front.draw: "pareto",
    published_differences.draw: "published",
}


def rows(table: str, *given: dict) -> pd.DataFrame:
    """Rows of a table of the study, 0 where nothing is given."""
    columns = declared(table).names
    return pd.DataFrame([dict.fromkeys(columns, 0) | row for row in given], columns=columns)


@pytest.mark.parametrize("draw", FIGURES)
def test_a_study_without_the_table_says_so(draw):
    figure = draw(pd.DataFrame(columns=declared(FIGURES[draw]).names), MODELS)
    assert figure.panels == [] and figure.empty and figure.empty in figure.svg().replace("&amp;", "&")


def test_why_a_figure_is_empty_is_true_of_models_that_answer_directly():
    """Their questions are sorted and their costs counted too, so no figure is empty for want of thinking."""
    for draw, name in FIGURES.items():
        assert "think" not in draw(pd.DataFrame(columns=declared(name).names), [Model("direct", False)]).empty


def test_other_families_are_no_comparison_of_models():
    table = rows(
        "comparisons",
        {"family": "models", "benchmark": "medqa", "model": "lead", "against_model": "other", "p_holm": 0.2},
        {"family": "budgets", "benchmark": "medqa", "model": "lead", "against_model": "lead", "p_holm": 0.01},
    )
    figure = models_apart.draw(table, MODELS)
    assert figure.title == "lead against every other model"
    assert figure.table["against_model"].tolist() == ["other"]
    assert "not shown to differ" in json.dumps(figure.specs())


def test_choices_are_shown_on_the_macro_average_where_there_is_one():
    table = rows(
        "budget_choice",
        *({"model": "lead", "benchmark": name, "way": "oracle"} for name in ("medqa", "nejm", MACRO)),
    )
    assert [heading for heading, _ in accuracy_by_choice.draw(table, MODELS).panels] == [MACRO]
    assert len(accuracy_by_choice.draw(table[:1], MODELS).panels) == 1


def test_flips_keep_losses_below_the_line_and_budgets_in_order():
    steps = [(8, 16), (0, 8)]
    table = rows(
        "flips",
        *(
            {"along": "budget", "model": "lead", "benchmark": "medqa", "before": a, "after": b, "n": 100}
            | {"wrong_to_right": 30, "right_to_wrong": 10}
            for a, b in steps
        ),
        {"along": "extensions", "model": "lead", "benchmark": "medqa", "before": 0, "after": 2, "n": 100},
    )
    figure = budget_flips.draw(table, MODELS)
    ((_, spec),) = figure.specs()
    drawn = [row for data in spec["datasets"].values() for row in data if "share" in row]
    assert {(row["move"], row["share"]) for row in drawn} == {("wrong → right", 0.3), ("right → wrong", -0.1)}
    assert '"sort": ["0 \\u2192 8", "8 \\u2192 16"]' in json.dumps(spec)
    assert len(figure.table) == 2


def test_cues_are_drawn_under_the_largest_cap():
    table = rows(
        "cues",
        *(
            {"model": "lead", "benchmark": "medqa", "cue": cue, "budget": budget, "extensions": count, "accuracy": 0.5}
            for cue in ("Wait", "Hmm")
            for budget in (32, 64)
            for count in (1, 2)
        ),
    )
    figure = accuracy_by_cue.draw(table)
    ((heading, spec),) = figure.specs()
    drawn = [row for data in spec["datasets"].values() for row in data]
    assert heading == "lead, medqa" and {row["budget"] for row in drawn} == {64} and len(drawn) == 4
    assert len(figure.table) == 8
    assert "several" in accuracy_by_cue.draw(table[:0]).empty


def test_panels_name_the_macro_average_that_they_show():
    cells = [{"cue": cue, "budget": 64, "extensions": count} for cue in ("Wait", "none") for count in (1, 2)]
    several = [
        cell | {"model": model, "benchmark": name}
        for model in ("lead", "other")
        for name in ("nejm", MACRO)
        for cell in cells
    ]
    figure = accuracy_by_cue.draw(rows("cues", *several))
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
        return accuracy_by_total_tokens.draw(rows("policies", *spent))

    many = [f"b{number}" for number in range(accuracy_by_total_tokens.MOST_PANELS)]
    assert [heading for heading, _ in drawn(["lead"], many).panels] == many
    figure = drawn(["lead", "other"], many)
    assert [heading for heading, _ in figure.panels] == [f"lead, {MACRO}", f"other, {MACRO}"]
    assert [heading for heading, _ in drawn(["lead"], [*many, "more"]).panels] == [MACRO]
    legend = figure.specs()[0][1]["layer"][0]["encoding"]["color"]["legend"]
    assert legend["values"] == ["one sample, cut", "samples that vote"], "not those that nobody measured"


def test_accuracies_beside_published_ones_keep_their_legend():
    cells = rows("accuracy", *({"model": m.name, "benchmark": "medqa", "budget": b} for m in MODELS for b in (8, 16)))
    theirs = {"model": "lead", "benchmark": "medqa", "budget": 8, "selection": published.FIXED, "published_as": "A"}
    beside = rows("published", theirs)
    for reference in (beside[:0], beside):
        svg = accuracy_by_budget.draw(cells, MODELS, {"medqa": 0.25}, reference).svg()
        assert all(f">{model.name}<" in svg for model in MODELS)


def test_the_line_of_training_data_is_spoken_of_where_there_is_one():
    made = [Model(f"m{traces}", True, traces, "full", "hard", "base", "data", "hard") for traces in (40, 200)]
    cells = rows("accuracy", *({"model": model.name, "benchmark": "medqa", "budget": 8} for model in made))
    assert "The line joins" in data_scale.draw(cells, made, made, 8).caption
    alone = data_scale.draw(cells[:1], made[:1], [], 8)
    assert "line" not in alone.caption and len(alone.table) == 1


def test_every_category_has_a_colour_of_its_own():
    assert len(set(failure_shares.CATEGORY_COLOURS)) == len(failures.MEANING)


def test_the_front_in_seconds_is_drawn_only_where_seconds_are_known():
    point = {"model": "lead", "benchmark": "medqa", "family": "sequential", "thinking_tokens": 8.0, "accuracy": 0.5}
    known = rows("pareto", point | {"seconds": 0.1, "front_tokens": True, "front_seconds": True})
    unknown = known.assign(seconds=float("nan"), front_seconds=False)
    assert [heading for heading, _ in cost_front.draw(known, MODELS).panels] == [
        "by thinking tokens",
        "by device-seconds",
    ]
    assert [heading for heading, _ in cost_front.draw(unknown, MODELS).panels] == ["by thinking tokens"]


def test_published_numbers_are_shown_at_the_largest_budget_that_both_have():
    row = {"model": "lead", "benchmark": "medqa", "published_as": "m1-7B-1K", "diff_low": -0.1, "diff_high": 0.1}
    table = rows(
        "published",
        *(row | {"selection": published.FIXED, "budget": budget} for budget in (128, 2048)),
        row | {"selection": published.BEST, "budget": 512},
    )
    figure = published_differences.draw(table, MODELS)
    assert figure.table["budget"].tolist() == [2048, 512] and len(figure.panels) == 2
