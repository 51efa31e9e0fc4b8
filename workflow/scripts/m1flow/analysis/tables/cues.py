"""Comparison of cues, the texts put in place of the end of thinking, at equal numbers of extensions and equal caps.

All cues continue the same thoughts, so questions are paired: differences are from the first cue on the same questions.
Intervals are those of `intervals.means_with_intervals`; tests flip the signs of the questions' changes
(`paired_tests.p_value`), with one Holm correction over all tests on single benchmarks and one over those of macro
averages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.paired_tests import holm, p_value
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table
from m1flow.sweep.grids import GRID, Grid, alike, grid, in_common, read_scored, unaltered


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """The accuracy of every cue in every cell with extensions, for models that were swept with several cues.

    Args:
        sweeps: scored sweeps.
        cue: the cue with which the others are compared; None for the first in a model's sweep.

    Returns:
        The table's columns: one row per model, benchmark (and macro average), cue, cap and number of extensions; ``n``
        counts questions. ``difference`` is the accuracy minus that of the first cue, and is missing in the first cue's
        own rows. There are no rows if no model has several cues.
    """
    rows: list[dict[str, Any]] = []
    for model, own in groupby(sorted(sweeps), key=lambda path: path.parent.name):
        cues = _by_cue(list(own), cue)
        for name, grids in cues.items():
            rows += ({"model": model, "cue": name} | row for row in _rows(grids, next(iter(cues.values()))))
    table = pd.DataFrame(rows, columns=TABLE.names)
    tested = table[table["p"].notna()]
    for _, together in tested.groupby(tested["benchmark"] == MACRO):
        table.loc[together.index, "p_holm"] = holm(together["p"].to_numpy())
    return table


TABLE = Table(
    title="Extension cues compared, at equal numbers of extensions",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "cue": Kind.TEXT,
        "budget": Kind.COUNT,
        "extensions": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "thinking_tokens_mean": Kind.TOKENS,
        "difference": Kind.POINTS,
        "diff_low": Kind.POINTS,
        "diff_high": Kind.POINTS,
        "p": Kind.P,
        "p_holm": Kind.P,
    },
    make=make,
)


def _by_cue(paths: Sequence[Path], first: str | None) -> dict[str, list[Grid]]:
    """One model's grids of all benchmarks by cue, the first cue first; empty if there is only one cue."""
    cues_by_file = [dict.fromkeys(read_table(path, "sweeps", columns=["cue"])["cue"]) for path in paths]
    shared = [cue for cue in cues_by_file[0] if cue and all(cue in others for others in cues_by_file)]
    cues = sorted(shared, key=lambda cue: cue != first)
    if len(cues) < 2:
        return {}
    grids: dict[str, list[Grid]] = {cue: [] for cue in cues}
    for path in paths:
        rows = read_scored(path, GRID)
        for cue, own in grids.items():
            own.append(grid(unaltered(rows, cue), path.parent.name, path.stem))
    cut = iter(alike([one for own in grids.values() for one in own]))
    return {cue: [next(cut) for _ in own] for cue, own in grids.items()}


def _rows(grids: Sequence[Grid], reference: Sequence[Grid]) -> Iterator[dict]:
    """The rows without the columns model and cue; the reference's own rows have no differences."""
    places = [place for place, (_, extensions) in enumerate(grids[0].cells) if extensions]
    right = {one.benchmark: one.right[:, places] for one in grids}
    tokens = {one.benchmark: one.thinking_tokens.mean(axis=(0, 1))[places] for one in grids}
    changes = _changes(grids, reference, places) if grids is not reference else {}
    differences = means_with_intervals(changes, change=True) if changes else {}
    for benchmark, means in means_with_intervals(right).items():
        averaged = list(right) if benchmark == MACRO else [benchmark]
        for number, place in enumerate(places):
            budget, extensions = grids[0].cells[place]
            row = {
                "benchmark": benchmark,
                "budget": budget,
                "extensions": extensions,
                "n": means.n,
                "accuracy": means.value[number],
                "ci_low": means.low[number],
                "ci_high": means.high[number],
                "thinking_tokens_mean": float(np.mean([tokens[name][number] for name in averaged])),
            }
            if changes:
                difference = differences[benchmark]
                row |= {
                    "difference": difference.value[number],
                    "diff_low": difference.low[number],
                    "diff_high": difference.high[number],
                    "p": p_value([changes[name][:, number] for name in averaged], grids[0].samples),
                }
            yield row


def _changes(grids: Sequence[Grid], reference: Sequence[Grid], places: Sequence[int]) -> Mapping[str, np.ndarray]:
    """By benchmark, each question's gain over the reference in each cell."""
    changes = {}
    for one, other in zip(grids, reference, strict=True):
        question_places, reference_places = in_common(one, other)
        changes[one.benchmark] = (
            one.right[np.ix_(question_places, np.array(places))]
            - other.right[np.ix_(reference_places, np.array(places))]
        )
    return changes
