"""Known answers for sequential, parallel and hybrid thinking."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.hand_made import made_grid
from m1flow.analysis.intervals import MACRO, wilson
from m1flow.analysis.tables import policies
from m1flow.analysis.tables.matched import matched_table
from m1flow.analysis.tables.policies import policies_table


@pytest.mark.parametrize("samples", range(2, 17))
def test_all_right_is_as_sure_whatever_the_policy(samples):
    grid = made_grid(np.zeros((50, samples, 2)), logprob=-0.1)
    for table in (policies_table([grid]), matched_table([grid])):
        assert table["ci_low"].min() == pytest.approx(wilson(50, 50)[0]) == table["ci_low"].max()


def test_every_policy_has_its_interval_and_never_more_tokens_than_were_generated(tables):
    grids, measured, _ = tables
    assert measured["accuracy"].between(measured["ci_low"], measured["ci_high"]).all()
    assert set(measured["benchmark"]) == {"b", "c", MACRO}
    generated = {grid.benchmark: grid.thinking_tokens.sum(axis=1).mean(axis=0).max() for grid in grids}
    generated[MACRO] = np.mean(list(generated.values()))
    assert (measured["thinking_tokens"] <= measured["benchmark"].map(generated) + 1e-9).all()
    three = measured[(measured["samples"] == 3) & (measured["budget"] == 20) & (measured["choice"] == "vote")]
    assert three.set_index("benchmark")["thinking_tokens"]["b"] == pytest.approx(
        grids[0].thinking_tokens[:, :, 1].sum(axis=1).mean()
    )


def test_macro_averages_are_means_of_benchmarks(tables):
    _, measured, _ = tables
    wide = measured.pivot(index=["family", "choice", "samples", "budget", "extensions"], columns="benchmark")
    for column in ("accuracy", "thinking_tokens", "answer_tokens"):
        mean = (wide[column, "b"] + wide[column, "c"]) / 2
        assert wide[column, MACRO].tolist() == pytest.approx(mean.tolist())


def test_one_sample_has_nothing_to_match():
    grid = made_grid([[[0, 0]], [[1, 0]]])
    measured, equal = policies_table([grid]), matched_table([grid])
    assert len(measured) == 2 and not len(equal)
    assert policies_table([]).columns.tolist() == policies.TABLE.names
