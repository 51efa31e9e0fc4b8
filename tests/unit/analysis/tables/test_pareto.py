"""What accuracy costs, and what nothing cheaper beats."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.analysis.tables.pareto import TABLE, on_front, pareto_table, seconds_per_token

points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=15)


@given(points)
def test_the_front_is_what_no_other_point_dominates(pairs):
    cost, accuracy = (np.array(values, float) for values in zip(*pairs, strict=True))
    front = on_front(cost, accuracy)
    dominated = [
        any((c <= cost[i] and a >= accuracy[i]) and (c < cost[i] or a > accuracy[i]) for c, a in pairs)
        for i in range(len(pairs))
    ]
    first = [pairs.index(pair) == place for place, pair in enumerate(pairs)]
    assert front.tolist() == [alone and not beaten for alone, beaten in zip(first, dominated, strict=True)]


def test_unknown_costs_are_on_no_front():
    assert on_front(np.array([np.nan, 1.0]), np.array([0.9, 0.5])).tolist() == [False, True]
    assert on_front(np.array([np.nan]), np.array([0.9])).tolist() == [False]


def test_seconds_come_from_the_sweeps_own_pace():
    assert seconds_per_token({"seconds": 50.0, "generated": 20_000}) == 0.0025
    for unknown in ({}, {"seconds": 0.0, "generated": 0}, {"decoded": 7}):
        assert np.isnan(seconds_per_token(unknown))


def test_the_table_has_both_fronts_over_all_models():
    def policy(model: str, thinking: float, accuracy: float, benchmark: str = "b") -> dict:
        row = {"model": model, "benchmark": benchmark, "family": "sequential", "choice": "single", "samples": 1}
        row |= {"budget": 10, "extensions": 0, "n": 5, "accuracy": accuracy, "ci_low": 0.0, "ci_high": 1.0}
        return row | {"thinking_tokens": thinking, "answer_tokens": 10.0}

    rows = [
        policy("small", 90, 0.4),
        policy("large", 40, 0.5),
        policy("timeless", 20, 0.3),
        policy("small", 1, 0.1, "c"),
    ]
    costs = {"small": {"seconds": 1, "generated": 1000}, "large": {"seconds": 4, "generated": 1000}, "timeless": {}}
    table = pareto_table(pd.DataFrame(rows), costs)
    assert list(table.columns) == TABLE.names
    assert table["seconds"].tolist()[:2] == pytest.approx([0.1, 0.2]) and np.isnan(table["seconds"][2])
    assert table["front_tokens"].tolist() == [False, True, True, True]
    assert table["front_seconds"].tolist() == [True, True, False, True]
