"""Sequential against parallel thinking: what each way of spending thinking tokens gives, and all at equal totals.

A policy answers a question from k samples, each cut at one budget:
    sequential: one sample under a budget;
    forced: one sample that is forced on (extensions) under the largest budget;
    parallel: k samples under the largest budget;
    hybrid: k samples, each cut at a smaller budget.
Several samples become one answer by
    vote: most samples win (self-consistency: Wang et al. 2023, arXiv 2203.11171); of options with as many votes, the
        one with the likeliest sample (the highest mean log-probability of its answer's tokens), then the lowest
        sample number. Samples without a readable answer don't vote;
    likeliest: the likeliest sample with a readable answer.
With no readable answer at all the question counts as wrong.

Of K samples that were drawn, k are a subset. A policy's accuracy is the mean over all subsets of size k: a
U-statistic, so unbiased for the accuracy with k fresh samples, and of the least variance among unbiased estimators
that use the same samples (Hoeffding 1948, Ann. Math. Stat. 19:293; as for pass@k, Chen et al. 2021, arXiv 2107.03374).
Where there are more than MOST_SUBSETS subsets, votes are averaged over that many drawn with a seed, which is unbiased
as well. Thinking tokens are those of all k samples together, as spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from m1flow.scored import UNREAD, Grid, by_model
from m1flow.statistics import MACRO, SEED, means_with_intervals

MOST_SUBSETS = 256
MOST_SAMPLES = 64
"""As many as fit the bits of the widest integer; further samples aren't looked at."""

SINGLE, VOTE, LIKELIEST = "single", "vote", "likeliest"
COLUMNS = (
    "model benchmark family choice samples budget extensions n accuracy ci_low ci_high thinking_tokens answer_tokens"
).split()
MATCHED_COLUMNS = (
    "model benchmark thinking_tokens family choice samples accuracy ci_low ci_high difference diff_low diff_high"
).split()


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
    """What policies give on one benchmark: arrays (question, policy).

    Attributes:
        right: the chance of a right answer, over the draw of samples.
        thinking: expected thinking tokens of all samples together.
        answering: expected answer tokens of all samples together.
    """

    right: np.ndarray
    thinking: np.ndarray
    answering: np.ndarray


def policy_tables(grids: Iterable[Grid]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every policy measured, and policies at equal total thinking tokens.

    Args:
        grids: of all models and benchmarks.

    Returns:
        Two tables. The first has COLUMNS: one row per model, benchmark (and the macro average) and policy; tokens are
        means per question over all its samples. The second has MATCHED_COLUMNS, see `matched`; only for models that
        think and have several samples.
    """
    measured, equal = [], []
    for model, own in by_model(grids):
        policies = policies_of(own[0])
        outcomes = {one.benchmark: evaluate(one, policies) for one in own}
        measured += _rows(model, policies, outcomes)
        if own[0].samples > 1 and own[0].thinks:
            for names in [[name] for name in outcomes] + ([list(outcomes)] if len(outcomes) > 1 else []):
                equal += matched(model, policies, {name: outcomes[name] for name in names})
    return pd.DataFrame(measured, columns=COLUMNS), pd.DataFrame(equal, columns=MATCHED_COLUMNS)


def policies_of(one: Grid) -> list[Policy]:
    """Every policy that a grid allows, by family, samples and budget; none by probability where it isn't known."""
    budgets = [one.cells[place][0] for place in one.budgets]
    made = [Policy("sequential", SINGLE, 1, budget) for budget in budgets]
    made += [Policy("forced", SINGLE, 1, *one.cells[place]) for place in one.extended if one.cells[place][1]]
    known = not np.isnan(one.logprob).all()
    for choice in (VOTE, LIKELIEST) if known else (VOTE,):
        for k in sample_counts(one.samples):
            made += [Policy("hybrid", choice, k, budget) for budget in budgets[:-1]]
            made.append(Policy("parallel", choice, k, budgets[-1]))
    return made


def sample_counts(samples: int) -> list[int]:
    """The numbers of parallel samples to look at: 2, 3, then powers of two, and all there are."""
    most = min(samples, MOST_SAMPLES)
    return [k for k in range(2, most + 1) if k == 3 or k == most or k & (k - 1) == 0]


def evaluate(one: Grid, policies: Sequence[Policy]) -> Outcomes:
    """What policies give on one benchmark."""
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
    # Who agrees with each sample, a bit a sample: the votes it gets in a subset are the bits that both have.
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
        for member in subset:  # the likeliest first: a tie goes to whom it found first
            votes = np.bitwise_count(agreeing[member] & members)
            more = votes > most
            np.copyto(right, correct[member], where=more)
            np.maximum(most, votes, out=most)
        total += right
    return total / len(voting)


def likeliest(chosen: np.ndarray, correct: np.ndarray, k: int) -> np.ndarray:
    """The chance that the likeliest of k samples is right, for every question; arguments as `vote`.

    Sample i is the one taken if it is drawn and no likelier readable one is: exact for any number of samples.
    """
    samples = chosen.shape[1]
    read = chosen != UNREAD
    likelier = np.cumsum(read, axis=1) - read
    chance = np.array([comb(samples - 1 - before, k - 1) / comb(samples, k) for before in range(samples)])
    return (chance[likelier] * (read & correct)).sum(axis=1)


def subsets(samples: int, k: int) -> list[tuple[int, ...]]:
    """All subsets of size k, or MOST_SUBSETS of them drawn with a seed; members ascend."""
    if comb(samples, k) <= MOST_SUBSETS:
        return list(combinations(range(samples), k))
    generator = np.random.default_rng([SEED, samples, k])
    drawn = (generator.choice(samples, size=k, replace=False) for _ in range(MOST_SUBSETS))
    return [tuple(sorted(members.tolist())) for members in drawn]


def matched(model: str, policies: Sequence[Policy], outcomes: dict[str, Outcomes]) -> list[dict]:
    """Policies at equal total thinking tokens, on one benchmark or as macro average over several.

    The totals are those above 0 of the measured single-sample cells and of parallel votes. Between two neighbouring
    cells of a line (one family, choice and number of samples; for parallel: over the number of samples), a policy's
    accuracy is interpolated along tokens: what asking each question one way or the other, at random, would give.
    Nothing is extrapolated: a line has no row at totals that it doesn't span.

    Args:
        model: its name.
        policies: as in ``outcomes``.
        outcomes: by benchmark.

    Returns:
        Rows with MATCHED_COLUMNS. ``samples`` is a mean where a mixture has several. ``difference`` is to one sample
        with as many tokens: under a budget where that spans the total, else forced on; empty where neither does.
    """
    tokens = np.mean([one.thinking.mean(axis=0) for one in outcomes.values()], axis=0)
    lines = _lines(policies, tokens)
    anchors = [line for key, line in lines.items() if key[1] == SINGLE or key[:2] == ("parallel", VOTE)]
    totals = np.unique(np.round([tokens[number] for line in anchors for number in line], 3))
    keys, weights, references = [], [], []
    for total in totals[totals > 0]:
        mixed = {key: mix for key, line in lines.items() if (mix := _mixture(tokens, line, total)) is not None}
        reference = mixed.get(("sequential", SINGLE, 1), mixed.get(("forced", SINGLE, 1)))
        for key, mix in mixed.items():
            if key[0] == "parallel" and np.array_equal(mix, reference):
                continue  # it is one sample here
            keys.append((float(total), *key[:2]))
            weights.append(mix)
            references.append(mix if reference is None else reference)
    if not keys:
        return []
    mixes = np.array(weights).T
    where = MACRO if len(outcomes) > 1 else next(iter(outcomes))
    means, differences = (
        means_with_intervals(
            {name: one.right @ columns for name, one in outcomes.items()},
            change=change,
        )[where]
        for columns, change in ((mixes, False), (mixes - np.array(references).T, True))
    )
    samples = np.round(np.array([policy.samples for policy in policies]) @ mixes, 6)
    rows = []
    for number, (total, family, choice) in enumerate(keys):
        row = {"model": model, "benchmark": where, "thinking_tokens": total, "family": family, "choice": choice}
        row |= {"samples": samples[number]} | means.row(number)
        if references[number] is not weights[number]:
            row |= dict(zip(MATCHED_COLUMNS[-3:], differences.row(number).values(), strict=True))
        rows.append(row)
    return rows


def _rows(model: str, policies: Sequence[Policy], outcomes: dict[str, Outcomes]) -> list[dict]:
    rows = []
    estimates = means_with_intervals({name: one.right for name, one in outcomes.items()})
    for name, means in estimates.items():
        among = list(outcomes.values()) if name == MACRO else [outcomes[name]]
        thinking, answering = (
            np.mean([getattr(one, what).mean(axis=0) for one in among], axis=0) for what in ("thinking", "answering")
        )
        for number, policy in enumerate(policies):
            row = {"model": model, "benchmark": name, "n": means.n} | asdict(policy) | means.row(number)
            rows.append(row | {"thinking_tokens": thinking[number], "answer_tokens": answering[number]})
    return rows


def _ranked(one: Grid) -> tuple[np.ndarray, np.ndarray]:
    """What each sample chose and whether it is right, the likeliest sample first (NaN last), then by sample number."""
    order = np.argsort(-one.logprob[:, :MOST_SAMPLES], axis=1, kind="stable")
    return tuple(np.take_along_axis(array, order, axis=1) for array in (one.chosen, one.correct))


def _lines(policies: Sequence[Policy], tokens: np.ndarray) -> dict[tuple[str, str, int], list[int]]:
    """Numbers of the policies along each line, by tokens: (family, choice, samples); samples is 0 where they vary."""
    budgets = [number for number, policy in enumerate(policies) if policy.family == "sequential"]
    lines: dict[tuple[str, str, int], list[int]] = {}
    for number, policy in enumerate(policies):
        family = "hybrid" if policy.family == "parallel" else policy.family
        lines.setdefault((family, policy.choice, policy.samples), []).append(number)
        if policy.family == "parallel":
            # One sample under the largest budget is where both more budget and more samples begin.
            lines.setdefault(("parallel", policy.choice, 0), [budgets[-1]]).append(number)
    forced = lines.get(("forced", SINGLE, 1))
    if forced:
        cap = policies[forced[0]].budget
        forced[:0] = [number for number in budgets if policies[number].budget == cap]
    return {key: sorted(line, key=lambda number: tokens[number]) for key, line in lines.items()}


def _mixture(tokens: np.ndarray, line: Sequence[int], total: float) -> np.ndarray | None:
    """Weights of the policies whose mixture spends just ``total`` on average; None where the line doesn't span it."""
    along = tokens[line]
    if not along[0] - 0.001 <= total <= along[-1] + 0.001:  # totals are rounded
        return None
    weights = np.zeros(len(tokens))
    near = np.flatnonzero(np.abs(along - total) <= 0.001)
    if len(near):
        weights[line[near[-1]]] = 1  # the last: lines that part where a larger budget changes nothing begin there
        return weights
    above = int(np.searchsorted(along, total))
    share = (total - along[above - 1]) / (along[above] - along[above - 1])
    weights[line[above - 1]], weights[line[above]] = 1 - share, share
    return weights
