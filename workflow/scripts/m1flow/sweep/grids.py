"""Scored sweeps for the analyses: rows of a file, and the same as arrays over questions and samples."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files.parquet import read_table

log = logging.getLogger(__name__)

KEY = ["question_id", "sample", "budget", "extensions", "cue", "permutation"]
"""The columns that identify a row of a scored sweep."""

UNREAD = -1
"""Stands for the chosen option if no answer could be read."""

GRID = ["thinking_tokens", "natural_end", "answer_tokens", "answer_logprob", "parsed_index", "correct"]
"""Further columns that a Grid is made from."""


@dataclass(frozen=True)
class Grid:
    """One model on one benchmark, options in the benchmark's order: arrays over (question, sample, cell).

    Attributes:
        model: name of the model.
        benchmark: name of the benchmark.
        questions: ids of the first axis.
        cells: (budget, extensions) of the last axis, sorted by extensions, then budget.
        chosen: index of the option that was read, or UNREAD.
        correct: whether the answer is right.
        thinking_tokens: tokens of thinking.
        natural_end: whether thinking ended by itself.
        answer_tokens: tokens of the answer.
        logprob: mean log-probability of the answer's tokens; NaN if unknown.
    """

    model: str
    benchmark: str
    questions: np.ndarray
    cells: list[tuple[int, int]]
    chosen: np.ndarray
    correct: np.ndarray
    thinking_tokens: np.ndarray
    natural_end: np.ndarray
    answer_tokens: np.ndarray
    logprob: np.ndarray

    @property
    def samples(self) -> int:
        """Generations per question."""
        return self.chosen.shape[1]

    @property
    def budgets(self) -> list[int]:
        """For each budget, the place on the last axis of its cell without extensions."""
        return [place for place, (_, extensions) in enumerate(self.cells) if extensions == 0]

    @property
    def extended(self) -> list[int]:
        """Places of the cells under the largest budget with extensions, by their number; 0 is included if measured."""
        forced = max((budget for budget, extensions in self.cells if extensions), default=None)
        return [place for place, (budget, _) in enumerate(self.cells) if budget == forced]

    @property
    def right(self) -> np.ndarray:
        """The share of right samples of each question: (question, cell)."""
        return self.correct.mean(axis=1)

    @property
    def thinks(self) -> bool:
        """Whether there was any thinking."""
        return bool(self.thinking_tokens.any())


def read_scored(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Rows of one scored sweep, checked, with the columns of KEY; includes every permutation and cue.

    Raises:
        M1FlowError: the file can't be read, holds no rows, or measures a cell of a question twice.
    """
    table = read_table(path, "sweeps", columns=list(dict.fromkeys([*KEY, *columns])))
    if not len(table):
        raise M1FlowError(f"{path}: holds no rows; delete it and rerun: snakemake {path}")
    if table.duplicated(KEY).any():
        raise M1FlowError(f"{path}: measures a cell of a question twice; delete it and rerun: snakemake {path}")
    return table


def unaltered(rows: pd.DataFrame, cue: str | None = None) -> pd.DataFrame:
    """The rows whose options are in the benchmark's order and whose extensions, if any, were forced with one cue.

    Args:
        rows: rows with the columns of KEY.
        cue: the cue; by default the first in the table.
    """
    cues = rows.loc[rows["extensions"] > 0, "cue"]
    cue = cue if cue is not None or not len(cues) else cues.iloc[0]
    return rows[(rows["permutation"] == 0) & ((rows["extensions"] == 0) | (rows["cue"] == cue))]


def read_grids(paths: Iterable[Path], cue: str | None = None) -> Iterator[Grid]:
    """Every file's grid, one in memory at a time; model and benchmark are the names of its folder and of the file."""
    for path in paths:
        yield grid(unaltered(read_scored(path, GRID), cue), path.parent.name, path.stem)


def grid(rows: pd.DataFrame, model: str, benchmark: str) -> Grid:
    """Rows as arrays. Questions that lack a sample or a cell are left out and logged."""
    question, questions = pd.factorize(rows["question_id"])
    sample, samples = pd.factorize(rows["sample"], sort=True)
    cells = sorted(set(zip(rows["budget"].tolist(), rows["extensions"].tolist(), strict=True)), key=lambda c: c[::-1])
    place = pd.MultiIndex.from_tuples(cells).get_indexer(pd.MultiIndex.from_frame(rows[["budget", "extensions"]]))
    shape = (question.max() + 1, len(samples), len(cells))
    at = np.ravel_multi_index((question, sample, place), shape)
    whole = np.bincount(question) == shape[1] * shape[2]
    if not whole.all():
        log.warning("%s on %s: left out %d questions that lack a sample or a cell", model, benchmark, (~whole).sum())

    def dense(name: str, dtype: type) -> np.ndarray:
        array = np.zeros(shape, dtype).ravel()
        array[at] = rows[name].to_numpy(dtype, na_value={"parsed_index": UNREAD, "answer_logprob": np.nan}.get(name, 0))
        return array.reshape(shape)[whole]

    tokens = dense("answer_tokens", np.int32)
    return Grid(
        model=model,
        benchmark=benchmark,
        questions=np.asarray(questions, object)[whole],
        cells=cells,
        chosen=dense("parsed_index", np.int16),
        correct=dense("correct", np.bool_),
        thinking_tokens=dense("thinking_tokens", np.int32),
        natural_end=dense("natural_end", np.bool_),
        answer_tokens=tokens,
        logprob=dense("answer_logprob", np.float64) / np.maximum(tokens, 1),
    )


def by_model(grids: Iterable[Grid]) -> Iterator[tuple[str, list[Grid]]]:
    """Grids of each model, sorted by name; those of a model are made `alike`, and sorted by benchmark."""
    models: dict[str, list[Grid]] = {}
    for one in grids:
        models.setdefault(one.model, []).append(one)
    for model in sorted(models):
        yield model, alike(sorted(models[model], key=lambda one: one.benchmark))


def read_by_model(paths: Iterable[Path], cue: str | None = None) -> dict[str, list[Grid]]:
    """Every model's grids by its name, as from `by_model`; the arguments are those of `read_grids`."""
    return dict(by_model(read_grids(paths, cue)))


def alike(grids: Sequence[Grid]) -> list[Grid]:
    """Grids cut to the cells and number of samples that all have, so that means over them are comparable.

    Raises:
        M1FlowError: the grids have no cell in common.
    """
    cells = [cell for cell in grids[0].cells if all(cell in one.cells for one in grids)]
    if not cells:
        among = ", ".join(dict.fromkeys(one.benchmark for one in grids))
        raise M1FlowError(
            f"{grids[0].model}: its sweeps of {among} share no budget; sweep all of them with the same sweep.budgets"
        )
    samples = min(one.samples for one in grids)
    return [_cut(one, cells, samples) for one in grids]


def _cut(one: Grid, cells: list[tuple[int, int]], samples: int) -> Grid:
    if one.cells == cells and one.samples == samples:
        return one
    places = [one.cells.index(cell) for cell in cells]
    arrays: dict[str, Any] = {
        name: array[:, :samples, places]
        for name, array in vars(one).items()
        if isinstance(array, np.ndarray) and name != "questions"
    }
    return replace(one, cells=cells, **arrays)


def in_common(first: Grid, second: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Places, in each grid, of the questions that both hold, in the first one's order; all others are logged."""
    if np.array_equal(first.questions, second.questions):
        return np.arange(len(first.questions)), np.arange(len(second.questions))
    at = pd.Index(second.questions).get_indexer(first.questions)
    if missing := len(first.questions) + len(second.questions) - 2 * int((at >= 0).sum()):
        details = first.benchmark, first.model, second.model, missing
        log.warning("%s: %s and %s don't share %d questions, which their comparison leaves out", *details)
    return np.flatnonzero(at >= 0), at[at >= 0]
