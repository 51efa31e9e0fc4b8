"""Outcomes of policies: samples that vote, and the likeliest one, by their definitions."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.hand_made import made_grid
from m1flow.analysis import policy_outcomes
from m1flow.analysis.policy_outcomes import Policy, evaluate, likeliest, policies_of, sample_counts, subsets, vote
from m1flow.sweep.grids import UNREAD


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
    monkeypatch.setattr(policy_outcomes, "MOST_SUBSETS", 60)
    assert len(subsets(9, 4)) == 60 and subsets(9, 4) == subsets(9, 4)
    drawn = vote(chosen, chosen == 0, 4)
    assert drawn.mean() == pytest.approx(exact.mean(), abs=0.02) and not np.array_equal(drawn, exact)


def test_many_samples_fit():
    chosen = np.zeros((2, 64), int)
    assert vote(chosen, chosen == 0, 64).tolist() == [1.0, 1.0]
    assert likeliest(chosen, chosen == 0, 32).tolist() == pytest.approx([1.0, 1.0])


def test_policies_of_a_grid_are_every_way_to_spend():
    grid = made_grid(np.zeros((1, 4, 4)), cells=[(0, 0), (10, 0), (20, 0), (20, 2)])
    ways = policies_of(grid)
    assert [(w.samples, w.budget) for w in ways if w.family == "sequential"] == [(1, 0), (1, 10), (1, 20)]
    assert [(w.budget, w.extensions) for w in ways if w.family == "forced"] == [(20, 2)]
    assert [w.samples for w in ways if w.family == "parallel" and w.choice == "vote"] == [2, 3, 4]
    assert {w.budget for w in ways if w.family == "hybrid"} == {0, 10}
    assert sample_counts(1) == [] and sample_counts(12) == [2, 3, 4, 8, 12]
