"""Budgets fixed, chosen on other questions, and picked with hindsight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.hand_made import made_grid
from m1flow.analysis.choosing import random_halves
from m1flow.analysis.intervals import MACRO
from m1flow.analysis.tables.budget_choice import CHOSEN, LARGEST, ORACLE, budget_choice_table, crossed


def by_way(table, benchmark: str = "b") -> dict:
    return {row["way"]: row for row in table[table["benchmark"] == benchmark].to_dict("records")}


def grid_of(right: np.ndarray, benchmark: str = "b"):
    """A grid from what is right: (question, budget), one sample."""
    return made_grid((~np.asarray(right, bool)).astype(int)[:, None, :], benchmark=benchmark)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 5), st.integers(1, 3))
def test_hindsight_is_never_worse_than_choosing_beforehand(seed, questions, budgets, samples):
    rng = np.random.default_rng(seed)
    grids = [made_grid(rng.integers(0, 3, (questions, samples, budgets)), benchmark=name) for name in "bc"]
    table = budget_choice_table({"m": grids})
    for benchmark in ("b", "c", MACRO):
        ways = by_way(table, benchmark)
        assert ways[ORACLE]["accuracy"] >= max(ways[LARGEST]["accuracy"], ways[CHOSEN]["accuracy"]) - 1e-9
        assert ways[LARGEST]["budget"] == 10 * budgets
    assert (table["budget_low"] <= table["budget_high"]).all()
    assert table["accuracy"].between(table["ci_low"] - 1e-9, table["ci_high"] + 1e-9).all()


def test_a_clear_best_budget_is_found_on_every_half_with_an_interval_of_its_own():
    rng = np.random.default_rng(0)
    right = rng.random((400, 4)) < [0.1, 0.4, 0.8, 0.3]
    ways = by_way(budget_choice_table({"m": [grid_of(right)]}))
    for way in (CHOSEN, ORACLE):
        assert [ways[way][name] for name in ("budget", "budget_low", "budget_high")] == [30, 30, 30]
        assert ways[way]["accuracy"] == pytest.approx(right[:, 2].mean())
    assert ways[LARGEST]["accuracy"] == pytest.approx(right[:, 3].mean())


def test_where_the_curve_is_flat_the_best_budget_is_anyones_guess():
    right = np.random.default_rng(1).random((300, 6)) < 0.5
    ways = by_way(budget_choice_table({"m": [grid_of(right)]}))
    assert ways[ORACLE]["budget_high"] - ways[ORACLE]["budget_low"] >= 30
    assert ways[CHOSEN]["budget_high"] - ways[CHOSEN]["budget_low"] >= 20


def test_of_equal_budgets_the_smallest_is_taken():
    right = np.repeat(np.arange(30)[:, None] % 3 > 0, 4, axis=1)
    right[:, 0] = False
    ways = by_way(budget_choice_table({"m": [grid_of(right)]}))
    assert ways[ORACLE]["budget"] == ways[CHOSEN]["budget"] == 20


def test_budgets_that_differ_by_rounding_are_equal():
    """A third of the answers is right under both, but of other questions."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        chosen = [rng.permuted(np.repeat([0, 1, 2], [10, 10, 10])).reshape(10, 3) for _ in range(3)]
        same = [np.stack([one, rng.permuted(one.ravel()).reshape(one.shape)], axis=-1) for one in chosen]
        table = budget_choice_table(
            {"m": [made_grid(one, benchmark=name) for one, name in zip(same, "bcd", strict=True)]}
        )
        assert set(table.loc[table["way"] == ORACLE, "budget"]) == {10}


def test_hindsight_flatters_and_choosing_on_other_questions_does_not():
    """Nothing differs between budgets: what hindsight says is too high, what was chosen elsewhere isn't."""
    rng, rounds, truth = np.random.default_rng(2), 60, 0.5
    means = {LARGEST: [], CHOSEN: [], ORACLE: []}
    held = dict.fromkeys(means, 0)
    for _ in range(rounds):
        for way, row in by_way(budget_choice_table({"m": [grid_of(rng.random((80, 7)) < truth)]})).items():
            means[way].append(row["accuracy"])
            held[way] += row["ci_low"] <= truth <= row["ci_high"]
    average = {way: np.mean(values) for way, values in means.items()}
    noise = 3 * np.sqrt(0.25 / 80 / rounds)
    assert abs(average[LARGEST] - truth) < noise and abs(average[CHOSEN] - truth) < noise
    assert average[ORACLE] > truth + 2 * noise
    # An interval that took no account of the picking would hold the truth in about 0.95 ** 7 = 70 % of rounds.
    assert held[ORACLE] / rounds >= 0.9 and held[LARGEST] / rounds >= 0.88


def test_choosing_never_looks_at_the_questions_it_is_scored_on():
    rng = np.random.default_rng(3)
    right = {"b": (rng.random((40, 5)) < 0.5).astype(float)}
    halves = {"b": random_halves(40, "b")}
    _, choices = crossed(right, halves)
    for number, half in enumerate(halves["b"]):
        other = {"b": right["b"].copy()}
        other["b"][~half] = rng.random((int((~half).sum()), 5))
        assert crossed(other, halves)[1][number] == choices[number]


def test_a_macro_average_has_one_budget_for_all_benchmarks():
    first = np.zeros((40, 3), bool)
    first[:, 0], second = True, np.zeros((60, 3), bool)
    second[:45, 1] = True
    second[:30, 2] = True
    table = budget_choice_table({"m": [grid_of(first), grid_of(second, "c")]})
    assert by_way(table)[ORACLE]["budget"] == 10 and by_way(table, "c")[ORACLE]["budget"] == 20
    macro = by_way(table, MACRO)
    assert macro[ORACLE]["budget"] == macro[CHOSEN]["budget"] == 10 and macro[ORACLE]["accuracy"] == 0.5


def test_models_without_a_choice_are_left_out():
    assert not len(budget_choice_table({"m": [made_grid([[[0]], [[1]]])]}))
