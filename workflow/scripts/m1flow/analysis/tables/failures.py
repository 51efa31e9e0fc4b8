"""Where questions fail: what a question's answers over the budgets tell about the cause, from the sweep alone.

A question counts as right under a budget if more than half of its samples are right. If it is right under no budget,
and more than half of its samples under the largest budget are cut or unreadable, it counts as truncated or unparsed,
whichever most of these samples are, and not as a lack of knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import UNREAD, Grid, read_by_model

MEANING = {
    "always": "right under every budget",
    "compute": "wrong under small budgets, right from some budget on",
    "lost": "right under some budgets, then wrong up to the largest (over-thinking)",
    "unstable": "right and wrong in turns",
    "truncated": "right in most samples under no budget, and thinking was still cut under the largest",
    "unparsed": "right in most samples under no budget, and no answer could be read under the largest, though thinking "
    "ended",
    "knowledge": "right in most samples under no budget, though thinking ended and an answer was read",
}
"""The categories, in the order they are shown; every question is in one."""

EXAMPLES = 3


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return failures_table(read_by_model(sweeps, cue))


TABLE = Table(
    title="Where questions fail: what their answers do along the budgets",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "category": Kind.TEXT,
        "n": Kind.COUNT,
        "questions": Kind.COUNT,
        "share": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "examples": Kind.TEXT,
    },
    make=make,
)


def failures_table(models: Mapping[str, Sequence[Grid]]) -> pd.DataFrame:
    """The number of questions in each category.

    Args:
        models: each model's grids, as `grids.by_model` gives them.

    Returns:
        The table's columns. ``n`` of the ``questions`` are in the category. The share of a macro average is the mean of
        the benchmarks' shares, and its ``n`` is the sum of theirs. ``examples`` are the ids of the benchmark's first
        questions in the category.
    """
    rows = []
    for model, grids in models.items():
        named = {one.benchmark: categories(one) for one in grids}
        inside = {name: found[:, None] == np.array(list(MEANING)) for name, found in named.items()}
        for benchmark, means in means_with_intervals({n: i.astype(float) for n, i in inside.items()}).items():
            averaged = list(inside) if benchmark == MACRO else [benchmark]
            counts = np.sum([inside[name].sum(axis=0) for name in averaged], axis=0)
            ids = np.concatenate([one.questions for one in grids if one.benchmark in averaged])
            member = np.concatenate([inside[name] for name in averaged])
            for number, category in enumerate(MEANING):
                rows.append(
                    {
                        "model": model,
                        "benchmark": benchmark,
                        "category": category,
                        "n": int(counts[number]),
                        "questions": means.n,
                        "share": means.value[number],
                        "ci_low": means.low[number],
                        "ci_high": means.high[number],
                        "examples": "" if benchmark == MACRO else " ".join(ids[member[:, number]][:EXAMPLES]),
                    }
                )
    return pd.DataFrame(rows, columns=TABLE.names)


def categories(one: Grid) -> np.ndarray:
    """The category of every question, as a key of MEANING, in the grid's order."""
    places = one.budgets
    right = _most(one.correct[:, :, places])
    changes = (right[:, 1:] != right[:, :-1]).sum(axis=1)
    first, last = right[:, 0], right[:, -1]
    cut = ~one.natural_end[:, :, places[-1:]]
    unusable = cut | (one.chosen[:, :, places[-1:]] == UNREAD)
    stopped = _most(unusable)[:, 0]
    mostly_cut = 2 * cut.sum(axis=1)[:, 0] >= unusable.sum(axis=1)[:, 0]
    rules = {
        "always": last & (changes == 0),
        "compute": last & ~first & (changes == 1),
        "lost": ~last & (changes > 0) & (changes <= 2),
        "unstable": changes > 0,
        "truncated": stopped & mostly_cut,
        "unparsed": stopped,
    }
    return np.select(list(rules.values()), list(rules), "knowledge")


def _most(flags: np.ndarray) -> np.ndarray:
    """Whether a flag of (question, sample, cell) holds in more than half of the samples."""
    return flags.mean(axis=1) > 0.5
