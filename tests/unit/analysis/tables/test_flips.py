"""Flips: answers that become right and wrong, which add up to what is gained."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.answer_columns import RIGHT, WRONG, cells, column
from helpers.hand_made import made_grid
from m1flow.analysis.intervals import ALL
from m1flow.analysis.tables.flips import flips_table
from m1flow.sweep.grids import UNREAD


def test_flips_count_each_direction_and_what_changed():
    before, after = column((RIGHT, 5), (WRONG, 5)), column((RIGHT, 3), (WRONG, 1), (UNREAD, 2), (2, 2), (RIGHT, 2))
    grid = made_grid(cells(before, after))
    other = made_grid(cells(column((RIGHT, 4)), column((RIGHT, 4))), benchmark="c")
    table = flips_table({"m": [grid, other]})
    counts = "n right_to_wrong wrong_to_right changed".split()
    rows = table.set_index("benchmark")
    assert rows.loc["b", counts].tolist() == [10, 2, 2, 7]
    assert rows.loc[ALL, counts].tolist() == [14, 2, 2, 7]
    assert set(table["along"]) == {"budget"} and table["budget"].isna().all()
    assert (rows.loc["b", "before"], rows.loc["b", "after"]) == (10, 20)
    assert ALL not in set(flips_table({"m": [grid]})["benchmark"])


def test_extensions_flip_against_none_under_their_own_total():
    places = [(10, 0), (20, 0), (10, 1), (20, 1), (20, 2)]
    answers = cells(*(column((RIGHT, 4 - lost), (WRONG, lost)) for lost in (0, 1, 1, 2, 4)))
    table = flips_table({"m": [made_grid(answers, cells=places)]})
    forced = table[table["along"] == "extensions"]
    got = forced[["budget", "before", "after", "right_to_wrong"]].values.tolist()
    assert got == [[10, 0, 1, 1], [20, 0, 1, 1], [20, 0, 2, 3]]


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_flips_add_up_to_the_change_in_right_answers(seed):
    grid = made_grid(np.random.default_rng(seed).integers(UNREAD, 3, (12, 2, 3)))
    table = flips_table({"m": [grid]})
    right = grid.correct.sum(axis=(0, 1))
    assert (table["wrong_to_right"] - table["right_to_wrong"]).tolist() == np.diff(right).tolist()
    assert (table["right_to_wrong"] + table["wrong_to_right"] <= table["changed"]).all()
