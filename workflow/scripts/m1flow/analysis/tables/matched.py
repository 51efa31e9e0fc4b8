"""Ways to spend thinking tokens, at equal total thinking tokens.

For the policies and their results, see `policy_outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.policy_outcomes import SINGLE, VOTE, Outcomes, Policy, evaluate, policies_of
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import Grid, by_model, read_grids


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return matched_table(read_grids(sweeps, cue))


TABLE = Table(
    title="Ways to spend thinking tokens, at equal totals",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "thinking_tokens": Kind.TOKENS,
        "family": Kind.TEXT,
        "choice": Kind.TEXT,
        "samples": Kind.NUMBER,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "difference": Kind.POINTS,
        "diff_low": Kind.POINTS,
        "diff_high": Kind.POINTS,
    },
    make=make,
)


def matched_table(grids: Iterable[Grid]) -> pd.DataFrame:
    """Policies at equal total thinking tokens, of models that think and have several samples.

    Args:
        grids: the grids of all models and benchmarks.

    Returns:
        The table's columns, see `matched`.
    """
    rows = []
    for model, own in by_model(grids):
        if own[0].samples > 1 and own[0].thinks:
            policies = policies_of(own[0])
            outcomes = {one.benchmark: evaluate(one, policies) for one in own}
            for names in [[name] for name in outcomes] + ([list(outcomes)] if len(outcomes) > 1 else []):
                rows += matched(model, policies, {name: outcomes[name] for name in names})
    return pd.DataFrame(rows, columns=TABLE.names)


def matched(model: str, policies: Sequence[Policy], outcomes: dict[str, Outcomes]) -> list[dict]:
    """Policies at equal total thinking tokens, on one benchmark or as a macro average over several.

    The totals are those of the measured single-sample cells and of parallel votes, if above 0. A line holds the cells
    of one family, choice and number of samples; a parallel line holds all numbers of samples. Between two neighbouring
    cells of a line, accuracy is interpolated by tokens: it is what asking each question at random in one of the two
    ways would give. Nothing is extrapolated: a line has no row at totals that it doesn't span.

    Args:
        model: the model's name.
        policies: the policies, in the order of the columns of ``outcomes``.
        outcomes: the policies' results, by benchmark.

    Returns:
        Rows with the table's columns. ``samples`` is a mean if the mixed policies differ in it. ``difference`` is from
        a single sample with as many tokens: under a budget if that line spans the total, otherwise with forced
        extensions; it is empty if neither line does.
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
            if key[0] == "parallel" and reference is not None and np.array_equal(mix, reference):
                continue  # at this total, it is the single sample itself
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
            row |= {
                "difference": differences.value[number],
                "diff_low": differences.low[number],
                "diff_high": differences.high[number],
            }
        rows.append(row)
    return rows


def _lines(policies: Sequence[Policy], tokens: np.ndarray) -> dict[tuple[str, str, int], list[int]]:
    """The policies' numbers along each line (family, choice, samples), sorted by tokens; samples is 0 if it varies."""
    budgets = [number for number, policy in enumerate(policies) if policy.family == "sequential"]
    lines: dict[tuple[str, str, int], list[int]] = {}
    for number, policy in enumerate(policies):
        family = "hybrid" if policy.family == "parallel" else policy.family
        lines.setdefault((family, policy.choice, policy.samples), []).append(number)
        if policy.family == "parallel":
            # A line of parallel samples begins with the single sample under the largest budget.
            lines.setdefault(("parallel", policy.choice, 0), [budgets[-1]]).append(number)
    forced = lines.get(("forced", SINGLE, 1))
    if forced:
        cap = policies[forced[0]].budget
        forced[:0] = [number for number in budgets if policies[number].budget == cap]
    return {key: sorted(line, key=lambda number: tokens[number]) for key, line in lines.items()}


def _mixture(tokens: np.ndarray, line: Sequence[int], total: float) -> np.ndarray | None:
    """Weights of the policies whose mixture spends exactly ``total`` on average; None if the line doesn't span it."""
    along = tokens[line]
    if not along[0] - 0.001 <= total <= along[-1] + 0.001:  # totals are rounded
        return None
    weights = np.zeros(len(tokens))
    near = np.flatnonzero(np.abs(along - total) <= 0.001)
    if len(near):
        weights[line[near[-1]]] = 1  # the last: if larger budgets change nothing, other lines begin at the largest
        return weights
    above = int(np.searchsorted(along, total))
    share = (total - along[above - 1]) / (along[above] - along[above - 1])
    weights[line[above - 1]], weights[line[above]] = 1 - share, share
    return weights
