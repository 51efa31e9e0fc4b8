"""Known answers for sequential, parallel and hybrid thinking."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hand_made import made_grid
from hypothesis import given
from hypothesis import strategies as st

from m1flow import policies
from m1flow.policies import Policy, evaluate, likeliest, policies_of, policy_tables, subsets, vote
from m1flow.scored import UNREAD
from m1flow.statistics import MACRO, wilson


def by_hand(chosen: list[int], logprob: list[float], k: int, choice: str) -> float:
    """The chance of a right answer (option 0), straight from the definition, for one question."""
    right = []
    for members in combinations(range(len(chosen)), k):
        read = [m for m in members if chosen[m] != UNREAD]
        if not read:
            right.append(False)
            continue
        best = sorted(read, key=lambda m: (-logprob[m], m))
        if choice == "likeliest":
            right.append(chosen[best[0]] == 0)
            continue
        votes = Counter(chosen[m] for m in read)
        most = max(votes.values())
        right.append(next(chosen[m] for m in best if votes[chosen[m]] == most) == 0)
    return sum(right) / len(right)


questions = st.integers(1, 6).flatmap(
    lambda n: st.lists(
        st.tuples(
            st.lists(st.integers(UNREAD, 3), min_size=n, max_size=n),
            st.lists(st.sampled_from([-2.0, -1.0, -0.5, -0.1]), min_size=n, max_size=n),
        ),
        min_size=1,
        max_size=4,
    )
)


@given(questions, st.sampled_from(["vote", "likeliest"]))
def test_any_number_of_samples_agrees_with_the_definition(case, choice):
    chosen, logprob = (np.array([part[i] for part in case]) for i in (0, 1))
    samples = chosen.shape[1]
    grid = made_grid(chosen[:, :, None], logprob=logprob[:, :, None])
    for k in range(1, samples + 1):
        got = evaluate(grid, [Policy("parallel", choice, k, 10)]).right[:, 0]
        expected = [by_hand(c.tolist(), p.tolist(), k, choice) for c, p in zip(chosen, logprob, strict=True)]
        assert got.tolist() == pytest.approx(expected)


@given(questions)
def test_one_of_k_samples_is_the_mean_of_samples(case):
    """Parallel with k = 1 is sequential under the largest budget."""
    chosen, logprob = (np.array([part[i] for part in case])[:, :, None] for i in (0, 1))
    grid = made_grid(chosen, logprob=logprob)
    ways = [
        Policy("sequential", "single", 1, 10),
        Policy("parallel", "vote", 1, 10),
        Policy("parallel", "likeliest", 1, 10),
    ]
    got = evaluate(grid, ways)
    assert got.right[:, 1] == pytest.approx(got.right[:, 0]) and got.right[:, 2] == pytest.approx(got.right[:, 0])
    assert (got.thinking == got.thinking[:, :1]).all()


def test_a_tie_goes_to_the_likeliest_sample_then_to_the_lowest_number():
    tie = [[0], [0], [1], [1]]
    surer = made_grid([tie], logprob=[[[-0.9], [-0.8], [-0.7], [-0.1]]])
    even = made_grid([tie, tie[::-1]], logprob=-0.5)
    four = [Policy("parallel", "vote", 4, 10)]
    assert evaluate(surer, four).right.tolist() == [[0.0]]
    assert evaluate(even, four).right.tolist() == [[1.0], [0.0]]


def test_unread_samples_do_not_vote():
    grid = made_grid([[[UNREAD], [UNREAD], [0]], [[UNREAD]] * 3])
    assert evaluate(grid, [Policy("parallel", "vote", 3, 10)]).right.tolist() == [[1.0], [0.0]]


def test_votes_over_drawn_subsets_come_close_to_all(monkeypatch):
    rng = np.random.default_rng(3)
    chosen = rng.choice([0, 0, 1, 2, UNREAD], size=(400, 9))
    exact = vote(chosen, chosen == 0, 4)
    monkeypatch.setattr(policies, "MOST_SUBSETS", 60)
    assert len(subsets(9, 4)) == 60 and subsets(9, 4) == subsets(9, 4)
    drawn = vote(chosen, chosen == 0, 4)
    assert drawn.mean() == pytest.approx(exact.mean(), abs=0.02) and not np.array_equal(drawn, exact)


def test_many_samples_fit():
    chosen = np.zeros((2, 64), int)
    assert vote(chosen, chosen == 0, 64).tolist() == [1.0, 1.0]
    assert likeliest(chosen, chosen == 0, 32).tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("samples", range(2, 17))
def test_all_right_is_as_sure_whatever_the_policy(samples):
    grid = made_grid(np.zeros((50, samples, 2)), logprob=-0.1)
    for table in policy_tables([grid]):
        assert table["ci_low"].min() == pytest.approx(wilson(50, 50)[0]) == table["ci_low"].max()


def test_policies_of_a_grid_are_every_way_to_spend():
    grid = made_grid(np.zeros((1, 4, 4)), cells=[(0, 0), (10, 0), (20, 0), (20, 2)])
    ways = policies_of(grid)
    assert [(w.samples, w.budget) for w in ways if w.family == "sequential"] == [(1, 0), (1, 10), (1, 20)]
    assert [(w.budget, w.extensions) for w in ways if w.family == "forced"] == [(20, 2)]
    assert [w.samples for w in ways if w.family == "parallel" and w.choice == "vote"] == [2, 3, 4]
    assert {w.budget for w in ways if w.family == "hybrid"} == {0, 10}
    assert policies.sample_counts(1) == [] and policies.sample_counts(12) == [2, 3, 4, 8, 12]


@pytest.fixture(scope="module")
def tables():
    """Two benchmarks, three samples, forced extensions."""
    rng = np.random.default_rng(0)
    cells = [(10, 0), (20, 0), (40, 0), (40, 1), (40, 2)]
    grids = []
    for name, skill in (("b", 0.5), ("c", 0.8)):
        right = rng.random((60, 3, 5)) < skill * np.array([0.4, 0.7, 1, 0.9, 0.8])
        chosen = np.where(right, 0, rng.integers(1, 4, right.shape))
        thinking = np.minimum(rng.integers(5, 40, (60, 3, 1)) + np.array([0, 0, 0, 6, 12]), [10, 20, 40, 40, 40])
        grids.append(
            made_grid(chosen, cells=cells, thinking=thinking, logprob=-rng.random(chosen.shape), benchmark=name)
        )
    return grids, *policy_tables(grids)


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
    _, equal = policy_tables([grid])
    at_20 = equal[(equal["thinking_tokens"] == 20) & (equal["choice"] != "likeliest")].set_index("family")
    assert at_20.loc["sequential", "accuracy"] == 1 and at_20.loc["hybrid", "accuracy"] == 0
    assert at_20.loc["hybrid", "difference"] == -1 and np.isnan(at_20.loc["sequential", "difference"])
    assert set(equal[equal["thinking_tokens"] == 10]["family"]) == {"sequential"}
    at_40 = equal[(equal["thinking_tokens"] == 40) & (equal["choice"] == "vote")]
    assert set(at_40["family"]) == {"parallel", "hybrid"} and at_40["difference"].isna().all()


def test_interpolation_mixes_neighbours():
    ways = [Policy("sequential", "single", 1, budget) for budget in (10, 20, 40)]
    mix = policies._mixture(np.array([10.0, 20.0, 40.0]), [0, 1, 2], 25.0)
    assert mix.tolist() == [0, 0.75, 0.25] and mix @ np.array([way.budget for way in ways]) == 25
    assert policies._mixture(np.array([10.0, 20.0, 40.0]), [0, 1, 2], 41.0) is None
    assert policies._mixture(np.array([10.0, 20.0, 40.0]), [1, 2], 15.0) is None


def test_one_sample_has_nothing_to_match():
    measured, equal = policy_tables([made_grid([[[0, 0]], [[1, 0]]])])
    assert len(measured) == 2 and not len(equal)
    assert policy_tables([])[0].columns.tolist() == policies.COLUMNS


def test_lines_part_where_a_larger_budget_changes_nothing():
    """Thinking ends before 20 tokens: budgets 20 and 40 are one, and so are no forcing and a vote of one."""
    cells = [(10, 0), (20, 0), (40, 0), (40, 1)]
    grid = made_grid([[[1, 0, 0, 1]] * 2] * 3, cells=cells, thinking=[10, 15, 15, 25], logprob=-1)
    _, equal = policy_tables([grid])
    at_15 = equal[equal["thinking_tokens"] == 15].set_index("family")
    assert set(at_15.index) == {"sequential", "forced"}
    assert np.isnan(at_15.loc["sequential", "difference"]) and at_15.loc["forced", "difference"] == 0
