"""Overthinking: a fall at the end is found, and chance is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from helpers.answer_columns import RIGHT, WRONG, cells, column
from helpers.hand_made import made_grid
from m1flow.analysis.tables.comparisons import comparisons_table
from m1flow.analysis.tables.overthinking import overthinking_table


def test_a_fall_at_the_end_is_found_and_corrected_for_the_budgets_looked_at():
    # The middle budget loses nothing; the largest loses 9 of them and wins 1.
    first, middle = column((WRONG, 50)), column((RIGHT, 39), (WRONG, 11))
    last = column((WRONG, 9), (RIGHT, 31), (WRONG, 10))
    (row,) = overthinking_table({"m": [made_grid(cells(first, middle, last))]}).to_dict("records")
    assert (row["budget"], row["largest"], row["n"]) == (20, 30, 50)
    assert row["difference"] == pytest.approx(-8 / 50)
    assert row["p"] == pytest.approx(stats.binomtest(9, 10, alternative="greater").pvalue)
    assert row["p_holm"] == pytest.approx(2 * row["p"])
    alone = comparisons_table({"m": [made_grid(cells(middle, last))]}, None).iloc[0]
    assert row["diff_low"] < alone["diff_low"] < row["difference"] < alone["diff_high"] < row["diff_high"]


def test_a_curve_that_only_rises_gives_no_evidence_of_a_fall():
    steps = [column((RIGHT, k), (WRONG, 40 - k)) for k in (5, 20, 30, 30)]
    (row,) = overthinking_table({"m": [made_grid(cells(*steps))]}).to_dict("records")
    assert row["budget"] == 30 and row["difference"] == 0 and row["p"] == row["p_holm"] == 1
    steps[1] = steps[3]
    (row,) = overthinking_table({"m": [made_grid(cells(*steps))]}).to_dict("records")
    assert row["budget"] == 30, "of equally good ones the nearest to the largest"
    assert not len(overthinking_table({"m": [made_grid([[[0]]])]}))


def test_flat_curves_seldom_look_like_over_thinking():
    rng, found, rounds = np.random.default_rng(8), 0, 200
    for _ in range(rounds):
        flat = made_grid((rng.random((60, 1, 6)) < 0.5).astype(int))
        found += overthinking_table({"m": [flat]})["p_holm"].item() < 0.05
    assert found / rounds <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / rounds)
