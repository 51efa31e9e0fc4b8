"""Policies matched at equal tokens: measured where they can be, interpolated between."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.hand_made import made_grid
from m1flow.analysis.policy_outcomes import Policy
from m1flow.analysis.tables import matched
from m1flow.analysis.tables.matched import matched_table


def test_matched_rows_lie_between_measured_cells(tables):
    _, measured, equal = tables
    for row in equal.itertuples():
        same = measured[(measured["benchmark"] == row.benchmark) & measured["choice"].isin([row.choice, "single"])]
        if row.family == "parallel":
            line = same[same["family"].isin(["parallel"]) | ((same["family"] == "sequential") & (same["budget"] == 40))]
        elif row.family == "hybrid":
            line = same[same["family"].isin(["hybrid", "parallel"]) & (same["samples"] == row.samples)]
        else:
            line = same[same["family"].isin(["sequential", row.family])]
        assert line["accuracy"].min() - 1e-9 <= row.accuracy <= line["accuracy"].max() + 1e-9
        assert line["thinking_tokens"].min() - 0.01 <= row.thinking_tokens <= line["thinking_tokens"].max() + 0.01


def test_matched_rows_at_measured_cells_are_those_cells(tables):
    _, measured, equal = tables
    cell = measured[
        (measured["benchmark"] == "b") & (measured["family"] == "parallel") & (measured["choice"] == "vote")
    ]
    for row in cell.itertuples():
        match = equal.query("benchmark == 'b' and family == 'parallel' and choice == 'vote'")
        match = match[(match["thinking_tokens"] - row.thinking_tokens).abs() < 0.01]
        assert match["accuracy"].item() == pytest.approx(row.accuracy)
        assert (match["ci_low"].item(), match["ci_high"].item()) == pytest.approx((row.ci_low, row.ci_high))


def test_a_hand_made_match():
    """One sample: 0 of 2 right at 10 tokens, 2 of 2 at 20; two cut samples spend 20 and are never right."""
    grid = made_grid([[[1, 0], [1, 0]]] * 2, logprob=-1)
    equal = matched_table([grid])
    at_20 = equal[(equal["thinking_tokens"] == 20) & (equal["choice"] != "likeliest")].set_index("family")
    assert at_20.loc["sequential", "accuracy"] == 1 and at_20.loc["hybrid", "accuracy"] == 0
    assert at_20.loc["hybrid", "difference"] == -1 and np.isnan(at_20.loc["sequential", "difference"])
    assert set(equal[equal["thinking_tokens"] == 10]["family"]) == {"sequential"}
    at_40 = equal[(equal["thinking_tokens"] == 40) & (equal["choice"] == "vote")]
    assert set(at_40["family"]) == {"parallel", "hybrid"} and at_40["difference"].isna().all()


def test_interpolation_mixes_neighbours():
    ways = [Policy("sequential", "single", 1, budget) for budget in (10, 20, 40)]
    mix = matched._mixture(np.array([10.0, 20.0, 40.0]), [0, 1, 2], 25.0)
    assert mix.tolist() == [0, 0.75, 0.25] and mix @ np.array([way.budget for way in ways]) == 25
    assert matched._mixture(np.array([10.0, 20.0, 40.0]), [0, 1, 2], 41.0) is None
    assert matched._mixture(np.array([10.0, 20.0, 40.0]), [1, 2], 15.0) is None


def test_lines_part_where_a_larger_budget_changes_nothing():
    """Thinking ends before 20 tokens: budgets 20 and 40 are one, and so are no forcing and a vote of one."""
    cells = [(10, 0), (20, 0), (40, 0), (40, 1)]
    grid = made_grid([[[1, 0, 0, 1]] * 2] * 3, cells=cells, thinking=[10, 15, 15, 25], logprob=-1)
    equal = matched_table([grid])
    at_15 = equal[equal["thinking_tokens"] == 15].set_index("family")
    assert set(at_15.index) == {"sequential", "forced"}
    assert np.isnan(at_15.loc["sequential", "difference"]) and at_15.loc["forced", "difference"] == 0
