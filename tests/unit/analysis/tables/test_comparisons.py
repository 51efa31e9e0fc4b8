"""Comparisons in pairs, flips and over-thinking: known answers, and that chance alone isn't taken for a difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.answer_columns import RIGHT, WRONG, cells, column, named
from helpers.hand_made import made_grid
from m1flow.analysis.intervals import MACRO
from m1flow.analysis.tables.comparisons import TABLE, comparisons_table
from m1flow.sweep.grids import by_model

FORCED = [(10, 0), (20, 0), (20, 1), (20, 2)]


def test_a_pair_of_models_by_hand():
    """Of 40 questions the headline model alone has 12 right, the other alone 3, and both 20."""
    lead = made_grid(cells(column((RIGHT, 40)), column((RIGHT, 12), (WRONG, 3), (RIGHT, 20), (WRONG, 5))))
    other = made_grid(cells(column((WRONG, 12), (RIGHT, 23), (WRONG, 5))), cells=[(0, 0)])
    table = comparisons_table({"a": [named("a", other)], "lead": [named("lead", lead)]}, "lead")
    (row,) = table[table["family"] == "models"].to_dict("records")
    assert list(table.columns) == TABLE.names
    assert (row["model"], row["budget"], row["against_model"], row["against_budget"]) == ("lead", 20, "a", 0)
    assert (row["accuracy"], row["against_accuracy"]) == (32 / 40, 23 / 40)
    assert row["difference"] == pytest.approx(9 / 40) and row["diff_low"] > 0
    assert (row["n"], row["right_to_wrong"], row["wrong_to_right"]) == (40, 3, 12)
    assert row["p"] == row["p_holm"] == pytest.approx(stats.binomtest(12, 15).pvalue)
    assert row["method"] == "exact McNemar" and 0.2 < row["detectable"] < 0.3
    assert row["effect_size"] == pytest.approx(2 * (np.arcsin(0.8**0.5) - np.arcsin(0.575**0.5)))


def test_every_model_stands_under_its_own_largest_budget_with_all_its_samples():
    """Two samples against three: half right against two thirds right, under more budgets than the other has."""
    lead = made_grid([[[WRONG, RIGHT], [WRONG, WRONG]]] * 30)
    other = made_grid([[[WRONG, WRONG, RIGHT], [WRONG, WRONG, RIGHT], [RIGHT, RIGHT, WRONG]]] * 30)
    table = comparisons_table({"lead": [lead], "o": [named("o", other)]}, "lead")
    (row,) = table[table["family"] == "models"].to_dict("records")
    assert (row["budget"], row["against_budget"]) == (20, 30)
    assert row["difference"] == pytest.approx(1 / 2 - 2 / 3) and row["right_to_wrong"] == 30
    assert row["p"] == pytest.approx(2 / 2**30)


def test_extensions_are_compared_with_none_only_where_none_was_measured():
    answers = cells(*(column((RIGHT, 4), (WRONG, 4)) for _ in range(3)))
    for forced, expected in (([(20, 0), (20, 2), (20, 4)], [2, 4]), ([(20, 0), (30, 2), (30, 4)], [])):
        table = comparisons_table({"m": [made_grid(answers, cells=forced)]}, None)
        rows = table[table["family"] == "extensions"]
        assert rows["extensions"].tolist() == expected and (rows["against_extensions"] == 0).all()


def test_questions_are_paired_by_id_and_the_rest_is_logged(caplog):
    one = made_grid(cells(column((RIGHT, 2), (WRONG, 4))))
    other = made_grid(cells(column((WRONG, 4), (RIGHT, 3))))
    other = replace(other, questions=other.questions[::-1])
    table = comparisons_table({"m": [one], "o": [named("o", other)]}, "m")
    (row,) = table[table["family"] == "models"].to_dict("records")
    # The other's q6, q5, q4, q3, q2, q1, q0 are wrong, wrong, wrong, wrong, right, right, right.
    assert (row["n"], row["right_to_wrong"], row["wrong_to_right"]) == (6, 1, 0)
    assert "don't share 1 questions" in caplog.text


def test_families_are_fixed_by_the_design():
    rng = np.random.default_rng(0)
    models = {
        name: [
            named(
                name,
                made_grid(rng.integers(0, 2, (30, 2, 4)), cells=sorted(FORCED, key=lambda c: c[::-1]), benchmark=b),
            )
            for b in ("x", "y")
        ]
        for name in ("a", "b", "c")
    }
    table = comparisons_table(models, "b")
    assert set(table["benchmark"]) == {"x", "y", MACRO}
    kinds = table.groupby("family").size()
    assert kinds.to_dict() == {"models": 2 * 3, "budgets": 3 * 3, "extensions": 3 * 2 * 3}
    forced = table[table["family"] == "extensions"]
    assert set(zip(forced["extensions"], forced["against_extensions"], strict=True)) == {(1, 0), (2, 0)}
    steps = table[table["family"] == "budgets"]
    assert set(zip(steps["budget"], steps["against_budget"], strict=True)) == {(20, 10)}
    assert set(table["method"]) == {"exact sign flips", "stratified sign flips"}
    for (_, is_macro), part in table.groupby(["family", table["benchmark"] == MACRO]):
        assert part["p_holm"].min() == pytest.approx(min(1.0, part["p"].min() * len(part)), abs=1e-9), is_macro
    assert (table["p_holm"] >= table["p"]).all()
    assert table["difference"].between(table["diff_low"], table["diff_high"]).all()
    assert not (comparisons_table(models, None)["family"] == "models").any()
    assert not len(comparisons_table({"d": [made_grid([[[0]]])]}, "d"))


def test_a_macro_average_weighs_benchmarks_not_questions():
    large = made_grid(cells(column((WRONG, 200)), column((WRONG, 200))), benchmark="large")
    small = made_grid(cells(column((WRONG, 20)), column((RIGHT, 10), (WRONG, 10))), benchmark="small")
    table = comparisons_table({"m": [large, small]}, "m").set_index("benchmark")
    assert table.loc[MACRO, "difference"] == 0.25 and table.loc[MACRO, "n"] == 220
    # Only ten questions moved, all one way.
    assert table.loc[MACRO, "p"] == pytest.approx(2 / 2**10, rel=0.02) == table.loc["small", "p"]


def test_copies_of_a_sample_are_no_new_evidence():
    once = rng_grid = np.random.default_rng(4).integers(0, 2, (80, 1, 2))
    tables = [comparisons_table({"m": [made_grid(np.repeat(rng_grid, k, axis=1))]}, "m") for k in (1, 4)]
    assert tables[0]["p"].item() == pytest.approx(tables[1]["p"].item(), rel=1e-6)
    assert tables[0]["detectable"].item() == pytest.approx(tables[1]["detectable"].item())
    assert len(once) == tables[1]["n"].item()


def test_tables_don_t_depend_on_the_order_of_sweeps():
    rng = np.random.default_rng(1)
    grids = [named(name, made_grid(rng.integers(0, 2, (20, 1, 3)), benchmark=other)) for name in "ab" for other in "xy"]
    pd.testing.assert_frame_equal(*(comparisons_table(dict(by_model(g)), "a") for g in (grids, grids[::-1])))
