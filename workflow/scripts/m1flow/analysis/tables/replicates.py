"""What another training seed would change: several models that differ only in their seed.

Questions and seeds are two crossed samples: other questions could have been asked, and other seeds used for training.
The interval's variance is the sum of the variances over questions and over seeds. It counts the interaction of question
and seed twice, as resampling both would (the pigeonhole bootstrap: Owen 2007, Ann. Appl. Stat. 1:386). The variance
over questions is recovered, on either side, from the limits of the interval of the seeds' mean over questions (Zou and
Donner 2008, Stat. Med. 27:1693), so that it also holds near 0 and 1. Seeds are few, so a bootstrap over them would be
too narrow; the interval uses Student's t with the degrees of freedom of Satterthwaite 1946, Biometrics Bull. 2:110. It
is about the accuracy to expect with other seeds and questions, not about that of the models at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from m1flow.analysis.intervals import CONFIDENCE, MACRO, Means, means_with_intervals
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import Grid, read_by_model

log = logging.getLogger(__name__)


def make(*, sweeps: Sequence[Path], cue: str | None = None, seed_groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Make the table from scored sweeps.

    Args:
        sweeps: scored sweeps.
        cue: the cue whose extensions are read; None for the first in each sweep.
        seed_groups: the study's ``replicates``: groups of models that differ only in their seed, by the group's name.
    """
    return replicates_table(read_by_model(sweeps, cue), seed_groups)


TABLE = Table(
    title="What another training seed would change",
    columns={
        "replicates": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "seeds": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "seed_sd": Kind.SHARE,
        "lowest": Kind.SHARE,
        "highest": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
    },
    make=make,
)


def replicates_table(models: Mapping[str, Sequence[Grid]], replicates: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Accuracy over seeds, under every budget that all replicates were measured with.

    Args:
        models: each model's grids, as `grids.by_model` gives them.
        replicates: groups of models that differ only in their seed, by the group's name; models without sweeps are left
            out and logged.

    Returns:
        The table's columns: ``accuracy`` is the mean over seeds, ``seed_sd`` the standard deviation between them
        (with the number of seeds minus one as the divisor), ``lowest`` and ``highest`` the worst and the best seed;
        ``n`` counts questions.
    """
    rows = []
    for name, members in replicates.items():
        present = [models[member] for member in members if member in models]
        if missing := len(members) - len(present):
            log.warning("%s: left out %d of %d replicates, which have no sweep", name, missing, len(members))
        if len(present) > 1:
            rows += [{"replicates": name, "seeds": len(present)} | row for row in _rows(present)]
    return pd.DataFrame(rows, columns=TABLE.names)


def _rows(members: Sequence[Sequence[Grid]]) -> list[dict]:
    budgets = [
        budget for budget, extensions in members[0][0].cells if not extensions and _all_have(members, (budget, 0))
    ]
    cells = [(budget, 0) for budget in budgets]
    # (seed, question, budget) of every benchmark.
    right = {same[0].benchmark: np.stack(_aligned(same, cells)) for same in zip(*members, strict=True)}
    rows = []
    for benchmark, means in means_with_intervals({name: shares.mean(axis=0) for name, shares in right.items()}).items():
        averaged = list(right.values()) if benchmark == MACRO else [right[benchmark]]
        each = np.mean([shares.mean(axis=1) for shares in averaged], axis=0)
        low, high = _interval(each, means)
        for place, budget in enumerate(budgets):
            rows.append(
                {
                    "benchmark": benchmark,
                    "budget": budget,
                    "n": means.n,
                    "accuracy": means.value[place],
                    "seed_sd": each[:, place].std(ddof=1),
                    "lowest": each[:, place].min(),
                    "highest": each[:, place].max(),
                    "ci_low": low[place],
                    "ci_high": high[place],
                }
            )
    return rows


def _interval(each: np.ndarray, means: Means) -> tuple[np.ndarray, np.ndarray]:
    """The interval of every budget's accuracy.

    Args:
        each: each seed's accuracy, (seed, budget).
        means: the means over seeds, with their intervals over questions.
    """
    seeds = len(each)
    of_seeds = each.var(axis=0, ddof=1) / seeds
    quantile = 0.5 + CONFIDENCE / 2
    lengths = []
    for length in (means.value - means.low, means.high - means.value):
        variance = of_seeds + (length / special.ndtri(quantile)) ** 2
        # Only seeds are few: the smaller their part of the variance, the more degrees of freedom.
        freedom = (seeds - 1) * (variance / of_seeds.clip(min=1e-30)) ** 2
        lengths.append(special.stdtrit(freedom.clip(min=seeds - 1), quantile) * np.sqrt(variance))
    return (means.value - lengths[0]).clip(min=0), (means.value + lengths[1]).clip(max=1)


def _all_have(members: Sequence[Sequence[Grid]], cell: tuple[int, int]) -> bool:
    return all(cell in one.cells for grids in members for one in grids)


def _aligned(same: Sequence[Grid], cells: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """Each grid's shares of right samples, (question, cell), of the questions that all have, in the same order."""
    shared = _index(same[0])
    for one in same[1:]:
        shared = shared.intersection(_index(one), sort=False)
    if dropped := max(len(one.questions) for one in same) - len(shared):
        log.warning("%s: left out %d questions that not all replicates have", same[0].benchmark, dropped)
    return [
        one.right[np.ix_(_index(one).get_indexer(shared), [one.cells.index(cell) for cell in cells])] for one in same
    ]


def _index(one: Grid) -> pd.Index:
    return pd.Index(one.questions)
