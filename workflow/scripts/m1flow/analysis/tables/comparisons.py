"""Comparisons of models, budgets and extensions on the same questions, in pairs fixed beforehand.

Three families of comparisons follow from the study's design and never from its results:
    models: the headline model (see `roster.headline`) against every other, each under its own largest budget;
    budgets: for every model, each budget against the next smaller one;
    extensions: for every model, each number of forced extensions against no extension, under the largest total budget,
        if that was also measured without extensions.
Each comparison is made on every benchmark and, if there are several, for their macro average. The methods are those of
`paired_tests`; the intervals are those of `intervals.means_with_intervals`.

Holm's correction is applied twice in each family: to its tests of macro averages, which answer the family's question,
and to all its tests on single benchmarks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.paired_tests import cohens_h, detectable, holm, p_value
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table
from m1flow.study.roster import headline, roster
from m1flow.sweep.grids import Grid, in_common, read_by_model

log = logging.getLogger(__name__)

MODELS, BUDGETS, EXTENSIONS = "models", "budgets", "extensions"
MCNEMAR, SIGN_FLIPS, STRATIFIED = "exact McNemar", "exact sign flips", "stratified sign flips"


def make(
    *, sweeps: Sequence[Path], cue: str | None = None, datasets: Sequence[Path], made_how: Mapping[str, Any]
) -> pd.DataFrame:
    """The comparisons of scored sweeps.

    Args:
        sweeps: scored sweeps.
        cue: the cue whose extensions are compared; None for the first in each sweep.
        datasets: the files datasets/{dataset}.parquet, for the number of examples that each student was trained on.
        made_how: how the study's models were made (see `roster.made_how`), which decides the headline model.
    """
    models = read_by_model(sweeps, cue)
    cells = [{"model": name, "budget": budget} for name, grids in models.items() for budget, _ in grids[0].cells]
    sizes = {path.stem: len(read_table(path, "datasets", ["question_id"])) for path in datasets}
    listed = roster(made_how, pd.DataFrame(cells), sizes)
    lead = (headline(listed) or listed[0]).name
    log.info("models are compared with %s", lead)
    return comparisons_table(models, lead)


TABLE = Table(
    title="Models, budgets and extensions in pairs, as tests",
    columns={
        "family": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "model": Kind.TEXT,
        "budget": Kind.COUNT,
        "extensions": Kind.COUNT,
        "against_model": Kind.TEXT,
        "against_budget": Kind.COUNT,
        "against_extensions": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "against_accuracy": Kind.SHARE,
        "difference": Kind.POINTS,
        "diff_low": Kind.POINTS,
        "diff_high": Kind.POINTS,
        "right_to_wrong": Kind.COUNT,
        "wrong_to_right": Kind.COUNT,
        "effect_size": Kind.EFFECT,
        "p": Kind.P,
        "p_holm": Kind.P,
        "method": Kind.TEXT,
        "detectable": Kind.SHARE,
    },
    make=make,
)


@dataclass(frozen=True)
class ComparedCells:
    """Comparisons of two models, or of a model with itself, cell by cell.

    Attributes:
        family: the family that the comparisons belong to.
        own: the model's grids, one per benchmark.
        cells: the places of the model's cells in its grids.
        others: the grids to compare with, of the same benchmarks.
        against: the places of the cells to compare with, one for each of ``cells``.
    """

    family: str
    own: Sequence[Grid]
    cells: Sequence[int]
    others: Sequence[Grid]
    against: Sequence[int]


def comparisons_table(models: Mapping[str, Sequence[Grid]], lead: str | None) -> pd.DataFrame:
    """Every comparison of the three families.

    Args:
        models: each model's grids, as `grids.by_model` gives them.
        lead: the headline model; if it is None, models aren't compared.

    Returns:
        The table's columns. ``difference`` is ``accuracy`` minus ``against_accuracy``; ``right_to_wrong`` counts
        questions that are right more often in the cell compared against, ``wrong_to_right`` those right more often in
        this one.
    """
    rows = [row for compared in _compared_cells(models, lead) for row in _rows(compared)]
    table = pd.DataFrame(rows, columns=TABLE.names)
    if len(table):
        together = table["p"].groupby([table["family"], table["benchmark"] == MACRO])
        table["p_holm"] = together.transform(holm)
    return table


def _compared_cells(models: Mapping[str, Sequence[Grid]], lead: str | None) -> Iterator[ComparedCells]:
    for name, grids in models.items():
        if lead is not None and name != lead:
            pairs = [(one, other) for one in models[lead] for other in grids if one.benchmark == other.benchmark]
            if pairs:
                own, others = zip(*pairs, strict=True)
                yield ComparedCells(MODELS, own, own[0].budgets[-1:], others, others[0].budgets[-1:])
    for grids in models.values():
        budgets = grids[0].budgets
        if len(budgets) > 1:
            yield ComparedCells(BUDGETS, grids, budgets[1:], grids, budgets[:-1])
    for grids in models.values():
        forced = grids[0].extended
        if forced and grids[0].cells[forced[0]][1] == 0:
            yield ComparedCells(EXTENSIONS, grids, forced[1:], grids, forced[:1] * (len(forced) - 1))


def _rows(compared: ComparedCells) -> Iterator[dict]:
    right, before = {}, {}
    for one, other in zip(compared.own, compared.others, strict=True):
        places, other_places = in_common(one, other)
        right[one.benchmark] = one.right[np.ix_(places, np.array(compared.cells))]
        before[one.benchmark] = other.right[np.ix_(other_places, np.array(compared.against))]
    right = {name: array for name, array in right.items() if len(array)}
    changes = {name: array - before[name] for name, array in right.items()}
    units = lcm(*(one.samples for one in (*compared.own, *compared.others)))
    for benchmark, means in means_with_intervals(changes, change=True).items():
        averaged = list(changes) if benchmark == MACRO else [benchmark]
        accuracy, against = (
            np.mean([part[name].mean(axis=0) for name in averaged], axis=0) for part in (right, before)
        )
        method = STRATIFIED if benchmark == MACRO else MCNEMAR if units == 1 else SIGN_FLIPS
        for number, (cell, reference) in enumerate(zip(compared.cells, compared.against, strict=True)):
            moved = [changes[name][:, number] for name in averaged]
            yield {
                "family": compared.family,
                "benchmark": benchmark,
                **dict(zip(("budget", "extensions"), compared.own[0].cells[cell], strict=True)),
                **dict(zip(("against_budget", "against_extensions"), compared.others[0].cells[reference], strict=True)),
                "model": compared.own[0].model,
                "against_model": compared.others[0].model,
                "n": means.n,
                "accuracy": accuracy[number],
                "against_accuracy": against[number],
                "difference": means.value[number],
                "diff_low": means.low[number],
                "diff_high": means.high[number],
                "right_to_wrong": sum(int((change < 0).sum()) for change in moved),
                "wrong_to_right": sum(int((change > 0).sum()) for change in moved),
                "effect_size": cohens_h(accuracy[number], against[number]),
                "p": p_value(moved, units),
                "method": method,
                "detectable": detectable(moved),
            }
