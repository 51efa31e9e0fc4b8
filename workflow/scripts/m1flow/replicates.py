"""What another training seed would change: several models that differ in their seed only.

Questions and seeds are two crossed samples: other questions could have been asked, and other seeds trained with. The
interval's variance is the sum of what either would change, which counts what only question and seed together do twice,
as drawing both again would (the pigeonhole bootstrap: Owen 2007, Ann. Appl. Stat. 1:386). Seeds are few, so a bootstrap
over them is too narrow; the interval is of Student's t with the degrees of freedom of Satterthwaite 1946,
Biometrics Bull. 2:110. It is about accuracy as training and questions come, not about the models at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from m1flow.scored import Grid
from m1flow.statistics import CONFIDENCE, MACRO, wilson

log = logging.getLogger(__name__)

COLUMNS = "replicates benchmark budget seeds n accuracy seed_sd lowest highest ci_low ci_high".split()


def replicates_table(models: Mapping[str, Sequence[Grid]], replicates: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Accuracy over seeds, under every budget that all replicates were measured with.

    Args:
        models: each model's grids, as `scored.by_model` gives them.
        replicates: models that differ in the seed only, by a name for them together; models without sweeps are left
            out, and logged.

    Returns:
        COLUMNS: ``accuracy`` is the mean over seeds, ``seed_sd`` the standard deviation between them (divided by seeds
        less one), ``lowest`` and ``highest`` the worst and the best one; ``n`` counts questions.
    """
    rows = []
    for name, members in replicates.items():
        there = [models[member] for member in members if member in models]
        if missing := len(members) - len(there):
            log.warning("%s: %d of %d replicates have no sweep: left out", name, missing, len(members))
        if len(there) > 1:
            rows += [{"replicates": name, "seeds": len(there)} | row for row in _rows(there)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(members: Sequence[Sequence[Grid]]) -> list[dict]:
    budgets = [
        budget for budget, extensions in members[0][0].cells if not extensions and _all_have(members, (budget, 0))
    ]
    cells = [(budget, 0) for budget in budgets]
    # (seed, question, budget) of every benchmark.
    right = {same[0].benchmark: np.stack(_aligned(same, cells)) for same in zip(*members, strict=True)}
    rows = []
    for benchmark in [*right, MACRO] if len(right) > 1 else right:
        among = list(right.values()) if benchmark == MACRO else [right[benchmark]]
        each = np.mean([shares.mean(axis=1) for shares in among], axis=0)
        low, high = _interval(each, among)
        for place, budget in enumerate(budgets):
            rows.append(
                {
                    "benchmark": benchmark,
                    "budget": budget,
                    "n": sum(shares.shape[1] for shares in among),
                    "accuracy": each[:, place].mean(),
                    "seed_sd": each[:, place].std(ddof=1),
                    "lowest": each[:, place].min(),
                    "highest": each[:, place].max(),
                    "ci_low": low[place],
                    "ci_high": high[place],
                }
            )
    return rows


def _interval(each: np.ndarray, among: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The interval of every budget's accuracy.

    Args:
        each: each seed's accuracy, (seed, budget).
        among: shares of right samples, (seed, question, budget), of the benchmarks that it is a mean of.
    """
    value, seeds = each.mean(axis=0), len(each)
    # What other seeds, and other questions of each benchmark, would change; and with how many degrees of freedom.
    parts = [(each.var(axis=0, ddof=1) / seeds, seeds - 1)]
    for shares in among:
        n = shares.shape[1]
        spread = shares.mean(axis=0).var(axis=0, ddof=1) if n > 1 else np.full(len(value), 0.25)
        parts.append((spread / n / len(among) ** 2, max(1, n - 1)))
    variance = sum(part for part, _ in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
        half = stats.t.ppf(0.5 + CONFIDENCE / 2, freedom) * np.sqrt(variance)
    low, high = (value - half).clip(min=0), (value + half).clip(max=1)
    for place in np.flatnonzero(variance < 1e-12):  # all right or all wrong, by every seed
        questions = sum(shares.shape[1] for shares in among)
        low[place], high[place] = wilson(round(float(value[place]) * questions), questions)
    return low, high


def _all_have(members: Sequence[Sequence[Grid]], cell: tuple[int, int]) -> bool:
    return all(cell in one.cells for grids in members for one in grids)


def _aligned(same: Sequence[Grid], cells: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """Shares of right samples, (question, cell), of the questions that all have, in one order."""
    shared = _index(same[0])
    for one in same[1:]:
        shared = shared.intersection(_index(one), sort=False)
    if dropped := max(len(one.questions) for one in same) - len(shared):
        log.warning("%s: %d questions aren't in all replicates: left out", same[0].benchmark, dropped)
    return [
        one.right[np.ix_(_index(one).get_indexer(shared), [one.cells.index(cell) for cell in cells])] for one in same
    ]


def _index(one: Grid) -> pd.Index:
    return pd.Index(one.questions)
