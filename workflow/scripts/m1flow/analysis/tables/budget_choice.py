"""The accuracy of a model whose budget is fixed beforehand, chosen on other questions, or picked with hindsight.

Three ways to choose one budget:
    largest: the largest budget, fixed before seeing any results;
    chosen: the most accurate budget on a random half of the questions, scored on the other half, over the same random
        splits as in early exit. A question's result is its mean over the splits;
    oracle: the most accurate budget on the very questions that it is scored on, as in the paper's main table. Its value
        is biased upwards. Its interval holds for all budgets at once, and so also for the one that was picked.
For a macro average, one budget is chosen for all benchmarks. Of equally accurate budgets, the smallest is taken.

The interval of the oracle's budget is the percentile interval of the best budget over bootstrap draws of the questions
(Efron and Tibshirani 1993, ch. 13). If the curve is flat, the best budget isn't a stable quantity; its interval is then
wide, but not exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m1flow.analysis.choosing import SPLITS, best_of, random_halves
from m1flow.analysis.intervals import CONFIDENCE, MACRO, Means, mean_draws, means_with_intervals
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import Grid, read_by_model

LARGEST, CHOSEN, ORACLE = "largest", "chosen", "oracle"


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return budget_choice_table(read_by_model(sweeps, cue))


TABLE = Table(
    title="Accuracy with a budget that was fixed, chosen on other questions, or picked with hindsight",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "way": Kind.TEXT,
        "budget": Kind.COUNT,
        "budget_low": Kind.COUNT,
        "budget_high": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
    },
    make=make,
)


def budget_choice_table(models: Mapping[str, Sequence[Grid]]) -> pd.DataFrame:
    """The accuracy of every model with several budgets, with the budget chosen in three ways.

    Args:
        models: each model's grids, as `grids.by_model` gives them.

    Returns:
        The table's columns. ``budget`` is the fixed, the most often chosen, or the best budget; ``budget_low`` to
        ``budget_high`` is the range of 95 % of the choices in the splits, or the interval of the best budget.
    """
    rows = []
    for model, grids in models.items():
        places = grids[0].budgets
        if len(places) > 1:
            budgets = np.array([grids[0].cells[place][0] for place in places])
            right = {one.benchmark: one.right[:, places] for one in grids}
            rows += [{"model": model} | row for row in _rows(right, budgets)]
    return pd.DataFrame(rows, columns=TABLE.names)


def _rows(right: Mapping[str, np.ndarray], budgets: np.ndarray) -> list[dict]:
    draws = {name: mean_draws(array, name) for name, array in right.items()}
    plain = means_with_intervals(right)
    together = means_with_intervals(right, draws=draws, together=True)
    halves = {name: random_halves(len(array), name) for name, array in right.items()}
    rows = []
    for benchmark in plain:
        averaged = list(right) if benchmark == MACRO else [benchmark]
        drawn = np.mean([draws[name] for name in averaged], axis=0)
        (best,) = best_of(plain[benchmark].value[None])
        scored, choices = crossed({name: right[name] for name in averaged}, halves)
        found: dict[str, tuple[int, Any, Means, int]] = {
            LARGEST: (len(budgets) - 1, [len(budgets) - 1], plain[benchmark], -1),
            CHOSEN: (int(np.bincount(choices).argmax()), choices, means_with_intervals(scored)[benchmark], 0),
            ORACLE: (best, best_of(drawn), together[benchmark], best),
        }
        for way, (budget, choosable, means, column) in found.items():
            row = {"benchmark": benchmark, "way": way, "budget": budgets[budget]}
            rows.append(row | _spread(budgets, choosable) | {"n": means.n} | means.row(column))
    return rows


def crossed(
    right: Mapping[str, np.ndarray], halves: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Choose a column on one half of the questions and score it on the other, in every split.

    Args:
        right: by benchmark, the shares of right samples, (question, budget); one budget is chosen for all benchmarks
            together.
        halves: by benchmark, the `choosing.random_halves` of its questions.

    Returns:
        By benchmark, each question's mean over the splits, (question, 1); and the column chosen on each half.
    """
    # A benchmark with a single question has an empty half, and doesn't count in the choice on that half.
    counted = {name: np.maximum(halves[name].sum(axis=1, keepdims=True), 1) for name in right}
    choices = best_of(np.mean([halves[name] @ array / counted[name] for name, array in right.items()], axis=0))
    # Each split scores a question once: under the budget chosen on the half that the question isn't in.
    scored = {
        name: ((~halves[name]) * array[:, choices].T).sum(axis=0)[:, None] / SPLITS for name, array in right.items()
    }
    return scored, choices


def _spread(budgets: np.ndarray, choices: Sequence[int]) -> dict[str, int]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(choices, [tail, 1 - tail], method="inverted_cdf")
    return {"budget_low": budgets[low], "budget_high": budgets[high]}
