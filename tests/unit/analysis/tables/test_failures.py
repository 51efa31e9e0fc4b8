"""Where questions fail: one category each, by its curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.hand_made import made_grid
from m1flow.analysis.intervals import MACRO
from m1flow.analysis.tables.failures import MEANING, categories, failures_table
from m1flow.sweep.grids import UNREAD

R, W, U = 0, 1, UNREAD


@pytest.mark.parametrize(
    ("curve", "ended", "category"),
    [
        ([R, R, R, R], True, "always"),
        ([W, W, R, R], True, "compute"),
        ([U, R, R, R], False, "compute"),
        ([R, R, W, W], True, "lost"),
        ([W, R, R, W], False, "lost"),
        ([W, R, R, U], True, "lost"),
        ([R, W, W, R], True, "unstable"),
        ([R, W, R, W], True, "unstable"),
        ([W, R, W, R], True, "unstable"),
        ([W, R, W, R][::-1], True, "unstable"),
        ([W, W, W, W], False, "truncated"),
        ([W, W, W, U], False, "truncated"),
        ([W, W, W, U], True, "unparsed"),
        ([U, U, U, W], True, "knowledge"),
        ([R], True, "always"),
        ([W], True, "knowledge"),
        ([U], True, "unparsed"),
    ],
)
def test_the_curve_of_a_question_tells_its_category(curve, ended, category):
    assert categories(made_grid([[curve]], natural=ended)).tolist() == [category]


def test_most_samples_decide():
    grid = made_grid(
        [[[W, R], [R, R], [W, W]], [[W, U], [W, U], [R, R]], [[W, W]] * 3], natural=[[[True]], [[True]], [[True]]]
    )
    assert categories(grid).tolist() == ["compute", "unparsed", "knowledge"]
    halves = made_grid([[[W, R], [W, W]]], natural=[[[False], [True]]])
    assert categories(halves).tolist() == ["knowledge"], "half of the samples are not most of them"


@pytest.mark.parametrize(
    ("answers", "ended", "category"),
    [
        ([W, U], [False, True], "truncated"),
        ([W, U, U], [False, True, True], "unparsed"),
        ([U, U, W], [False, False, True], "truncated"),
        ([U, W, W, W], [True, False, True, True], "knowledge"),
    ],
)
def test_cut_and_unread_samples_count_together(answers, ended, category):
    """Most samples are cut or unread, though neither most are cut nor most unread."""
    grid = made_grid([[[answer] for answer in answers]], natural=[[[end] for end in ended]])
    assert categories(grid).tolist() == [category]


def test_right_in_half_of_the_samples_is_not_called_never_right():
    grid = made_grid([[[R], [W]]], natural=True)
    (category,) = categories(grid)
    assert category == "knowledge" and "right in most samples under no budget" in MEANING[category]
    assert not any("never" in meaning for meaning in MEANING.values())


def test_forced_extensions_have_no_say():
    grid = made_grid([[[R, R, W]]], cells=[(10, 0), (20, 0), (20, 1)])
    assert categories(grid).tolist() == ["always"]


def test_the_table_counts_names_and_averages():
    one = made_grid([[[W, R]], [[W, W]], [[R, R]], [[W, R]]], natural=True)
    two = made_grid([[[W, W]], [[W, W]]], natural=True, benchmark="c")
    table = failures_table({"m": [one, two]}).set_index(["benchmark", "category"])
    compute = table.loc["b", "compute"]
    assert (compute["n"], compute["questions"], compute["share"], compute["examples"]) == (2, 4, 0.5, "b-0 b-3")
    macro = table.loc[MACRO, "knowledge"]
    assert (macro["n"], macro["questions"], macro["share"]) == (3, 6, pytest.approx((0.25 + 1) / 2))
    assert (table["ci_low"] <= table["share"] + 1e-12).all() and (table["share"] <= table["ci_high"] + 1e-12).all()


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 5))
def test_every_question_is_in_one_category(seed, samples, budgets):
    rng = np.random.default_rng(seed)
    shape = (25, samples, budgets)
    grid = made_grid(rng.integers(UNREAD, 2, shape), natural=rng.random(shape) < 0.5)
    found = categories(grid)
    assert set(found) <= set(MEANING) and len(found) == 25
    table = failures_table({"m": [grid]})
    assert table["share"].sum() == pytest.approx(1) and table["n"].sum() == 25
    ever = (grid.right[:, grid.budgets] > 0.5).any(axis=1)
    assert (np.isin(found, ["always", "compute", "lost", "unstable"]) == ever).all()
