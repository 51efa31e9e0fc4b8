"""Sequential against parallel thinking: the results of each way of spending thinking tokens, on each question.

A policy answers a question from k samples, each cut at one budget:
    sequential: one sample under a budget;
    forced: one sample with forced extensions under the largest budget;
    parallel: k samples under the largest budget;
    hybrid: k samples, each cut at a smaller budget.
Several samples become one answer in one of two ways:
    vote: the option of most samples wins (self-consistency: Wang et al. 2023, arXiv 2203.11171); in a tie, the option
        of the likeliest sample (the highest mean log-probability of its answer's tokens), then of the lowest sample
        number. Samples without a readable answer don't vote;
    likeliest: the likeliest sample with a readable answer.
With no readable answer at all, the question counts as wrong.

If K samples were drawn, a policy's accuracy with k samples is the mean over all subsets of size k. This is a
U-statistic, so it is unbiased for the accuracy with k fresh samples, and has the least variance of all unbiased
estimators that use the same samples (Hoeffding 1948, Ann. Math. Stat. 19:293; as for pass@k, Chen et al. 2021, arXiv
2107.03374). If there are more than MOST_SUBSETS subsets, votes are averaged over that many, drawn with a fixed seed,
which is unbiased as well. Thinking tokens are those of all k samples together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from m1flow.analysis.intervals import SEED
from m1flow.sweep.grids import UNREAD, Grid

MOST_SUBSETS = 256
MOST_SAMPLES = 64
"""The number of bits of the widest integer; further samples are ignored."""

SINGLE, VOTE, LIKELIEST = "single", "vote", "likeliest"


@dataclass(frozen=True)
class Policy:
    """One way of spending thinking tokens; ``choice`` is how samples become an answer."""

    family: str
    choice: str
    samples: int
    budget: int
    extensions: int = 0


@dataclass(frozen=True)
class Outcomes:
    """The results of policies on one benchmark: arrays (question, policy).

    Attributes:
        right: the chance of a right answer, over the draw of samples.
        thinking: expected thinking tokens of all samples together.
        answering: expected answer tokens of all samples together.
    """

    right: np.ndarray
    thinking: np.ndarray
    answering: np.ndarray


def policies_of(one: Grid) -> list[Policy]:
    """Every policy that a grid allows, by family, samples and budget; LIKELIEST only if log-probabilities are known."""
    budgets = [one.cells[place][0] for place in one.budgets]
    allowed = [Policy("sequential", SINGLE, 1, budget) for budget in budgets]
    allowed += [Policy("forced", SINGLE, 1, *one.cells[place]) for place in one.extended if one.cells[place][1]]
    known = not np.isnan(one.logprob).all()
    for choice in (VOTE, LIKELIEST) if known else (VOTE,):
        for k in sample_counts(one.samples):
            allowed += [Policy("hybrid", choice, k, budget) for budget in budgets[:-1]]
            allowed.append(Policy("parallel", choice, k, budgets[-1]))
    return allowed


def sample_counts(samples: int) -> list[int]:
    """The numbers of parallel samples to evaluate: 2, 3, the powers of two, and the number of all samples."""
    most = min(samples, MOST_SAMPLES)
    return [k for k in range(2, most + 1) if k == 3 or k == most or k & (k - 1) == 0]


def evaluate(one: Grid, policies: Sequence[Policy]) -> Outcomes:
    """The results of policies on one benchmark."""
    places = [one.cells.index((policy.budget, policy.extensions)) for policy in policies]
    samples = np.array([policy.samples for policy in policies])
    thinking, answering = one.thinking_tokens.mean(axis=1), one.answer_tokens.mean(axis=1)
    right = np.empty((len(one.chosen), len(policies)))
    ranked = _ranked(one)
    for number, (policy, place) in enumerate(zip(policies, places, strict=True)):
        if policy.choice == SINGLE:
            right[:, number] = one.correct[:, :, place].mean(axis=1)
        else:
            chosen, correct = (array[:, :, place] for array in ranked)
            choose = vote if policy.choice == VOTE else likeliest
            right[:, number] = choose(chosen, correct, policy.samples)
    return Outcomes(right, thinking[:, places] * samples, answering[:, places] * samples)


def vote(chosen: np.ndarray, correct: np.ndarray, k: int) -> np.ndarray:
    """The chance that a majority vote of k samples is right, for every question.

    Args:
        chosen: (question, sample) the option each sample chose, UNREAD for none; the likeliest sample first.
        correct: whether it is right.
        k: how many samples vote.
    """
    samples = chosen.shape[1]
    bits = np.min_scalar_type(2**samples - 1).type
    read = chosen != UNREAD
    # For each sample, a mask of the samples that agree with it: its votes in a subset are the bits set in both.
    agreeing = [
        np.bitwise_or.reduce([(read[:, j] & (chosen[:, j] == chosen[:, i])) * bits(1 << j) for j in range(samples)])
        for i in range(samples)
    ]
    agreeing = [np.ascontiguousarray(mask * read[:, i].astype(bits)) for i, mask in enumerate(agreeing)]
    correct = np.ascontiguousarray(correct.T)
    total = np.zeros(len(chosen))
    voting = subsets(samples, k)
    for subset in voting:
        members = bits(sum(1 << int(member) for member in subset))
        most, right = np.zeros(len(chosen), np.uint8), np.zeros(len(chosen), bool)
        for member in subset:  # the likeliest first, so that a tie goes to the option found first
            votes = np.bitwise_count(agreeing[member] & members)
            more = votes > most
            np.copyto(right, correct[member], where=more)
            np.maximum(most, votes, out=most)
        total += right
    return total / len(voting)


def likeliest(chosen: np.ndarray, correct: np.ndarray, k: int) -> np.ndarray:
    """The chance that the likeliest of k samples is right, for every question; arguments as in `vote`.

    Sample i is taken if it is drawn and no likelier readable sample is, so the chance is exact for any number of
    samples.
    """
    samples = chosen.shape[1]
    read = chosen != UNREAD
    likelier = np.cumsum(read, axis=1) - read
    chance = np.array([comb(samples - 1 - before, k - 1) / comb(samples, k) for before in range(samples)])
    return (chance[likelier] * (read & correct)).sum(axis=1)


def subsets(samples: int, k: int) -> list[tuple[int, ...]]:
    """All subsets of size k, or MOST_SUBSETS of them drawn with a fixed seed; members are in ascending order."""
    if comb(samples, k) <= MOST_SUBSETS:
        return list(combinations(range(samples), k))
    generator = np.random.default_rng([SEED, samples, k])
    drawn = (generator.choice(samples, size=k, replace=False) for _ in range(MOST_SUBSETS))
    return [tuple(sorted(members.tolist())) for members in drawn]


def _ranked(one: Grid) -> tuple[np.ndarray, np.ndarray]:
    """What each sample chose and whether it is right, the likeliest sample first (NaN last), then by sample number."""
    order = np.argsort(-one.logprob[:, :MOST_SAMPLES], axis=1, kind="stable")
    return np.take_along_axis(one.chosen, order, axis=1), np.take_along_axis(one.correct, order, axis=1)
