"""Option order: do answers survive another order of the options, and does a model favour a position?

The same questions are asked with their options permuted. A model that knows the answer gives it in every order; an
answer that is right only in some orders was luck, or a preference for a letter (Pezeshkpour and Hruschka 2024, arXiv
2308.11483; Zheng et al. 2024, arXiv 2309.03882, who compare recalls by position).

Intervals are over questions. There is no chi-square test of the chosen positions, because it would treat the
permutations of a question as independent answers, which they aren't.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, Means, mean_draws, means_with_intervals, percentiles
from m1flow.analysis.table import Table
from m1flow.errors import M1FlowError
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table
from m1flow.questions.option_orders import option_order
from m1flow.sweep.grids import UNREAD, read_scored
from m1flow.text.letters import LETTERS

log = logging.getLogger(__name__)

OVER_ORDERS = ("always_right", "sometimes_right", "never_right", "same_choice")
"""Measures of a question's answers over all orders of its options."""


def make(*, sweeps: Sequence[Path], benchmarks: Sequence[Path]) -> pd.DataFrame:
    """Make the table from scored sweeps and the benchmarks that they answer."""
    return option_order_table(sweeps, {path.stem: path for path in benchmarks})


TABLE = Table(
    title="How answers depend on the order of the options",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "permutations": Kind.COUNT,
        "measure": Kind.TEXT,
        "item": Kind.TEXT,
        "n": Kind.COUNT,
        "value": Kind.NUMBER,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
    },
    make=make,
)


@dataclass(frozen=True)
class Permuted:
    """One model's answers under permutations, at one budget.

    Attributes:
        budget: the largest budget measured with permutations.
        permutations: the permutations' numbers; 0 is the benchmark's order.
        chosen: the option read, by its place in the benchmark's order, UNREAD for none: (question, permutation,
            sample).
        correct: whether the chosen option is right.
        at: the position at which the chosen option was shown, UNREAD for none.
        right_at: the position at which the right option was shown: (question, permutation).
        positions: the largest number of options of a question.
    """

    budget: int
    permutations: list[int]
    chosen: np.ndarray
    correct: np.ndarray
    at: np.ndarray
    right_at: np.ndarray
    positions: int


def option_order_table(sweeps: Iterable[Path], benchmarks: Mapping[str, Path]) -> pd.DataFrame:
    """The dependence of answers on the order of options, per model and benchmark, at the largest budget.

    Args:
        sweeps: scored sweeps; those without permutations are left out.
        benchmarks: the questions of each benchmark.

    Returns:
        The table's columns, one row per measure and item:
            accuracy of each permutation (item: its number; 0 is the benchmark's order);
            always_right, sometimes_right, never_right: shares of questions, over the permutations;
            same_choice: share of questions with the same option read under all permutations;
            chosen_at and right_at of each position: shares of answers that name it, and for which it is right;
            position_bias: their difference; above 0 where the model favours the position;
            accuracy_if_right_at of each position: accuracy where the right option stands there.
        The first three kinds have a macro average too.
    """
    rows = []
    models: dict[str, dict[str, Permuted]] = {}
    for path in sorted(sweeps):
        if permuted := read_permuted(path, benchmarks):
            models.setdefault(path.parent.name, {})[path.stem] = permuted
    for model, own in sorted(models.items()):
        rows += _on_questions(model, own)
        for benchmark, one in own.items():
            rows += _on_positions(model, benchmark, one)
    return pd.DataFrame(rows, columns=TABLE.names).astype({"budget": "Int64"})


def read_permuted(path: Path, benchmarks: Mapping[str, Path]) -> Permuted | None:
    """A sweep's answers under permutations; None if it has none.

    Raises:
        M1FlowError: the sweep has permutations, but its benchmark isn't among ``benchmarks``.
    """
    rows = read_scored(path, ["parsed_index", "correct"])
    rows = rows[rows["extensions"] == 0]
    budget = rows.loc[rows["permutation"] > 0, "budget"].max()
    if pd.isna(budget):
        return None
    if path.stem not in benchmarks:
        raise M1FlowError(
            f"{path}: --benchmarks: no file is named {path.stem}.parquet; add the file with this sweep's questions"
        )
    rows = rows[rows["budget"] == budget]
    question, ids = pd.factorize(rows["question_id"])
    permutation, permutations = pd.factorize(rows["permutation"], sort=True)
    sample, samples = pd.factorize(rows["sample"], sort=True)
    shape = (len(ids), len(permutations), len(samples))
    whole = np.bincount(question) == shape[1] * shape[2]
    if not whole.all():
        log.warning("%s: left out %d questions that lack a permutation or a sample", path, (~whole).sum())
    chosen, correct = np.full(shape, UNREAD, np.int16), np.zeros(shape, bool)
    chosen[question, permutation, sample] = rows["parsed_index"].fillna(UNREAD)
    correct[question, permutation, sample] = rows["correct"]
    questions = read_table(benchmarks[path.stem], "questions", ["question_id", "options", "answer_index"]).set_index(
        "question_id"
    )
    questions = questions.loc[ids[whole]]
    shown = _shown_at(questions, permutations.tolist())
    chosen, correct = chosen[whole], correct[whole]
    at = np.take_along_axis(shown, np.maximum(chosen, 0), axis=2)
    right_at = np.take_along_axis(shown, questions["answer_index"].to_numpy()[:, None, None], axis=2)[:, :, 0]
    return Permuted(
        budget=int(budget),
        permutations=permutations.tolist(),
        chosen=chosen,
        correct=correct,
        at=np.where(chosen == UNREAD, UNREAD, at),
        right_at=right_at,
        positions=shown.shape[2],
    )


def _shown_at(questions: pd.DataFrame, permutations: Sequence[int]) -> np.ndarray:
    """The position at which each option is shown: (question, permutation, option)."""
    counts = questions["options"].map(len)
    shown = np.zeros((len(questions), len(permutations), counts.max()), np.int16)
    for place, (question_id, n) in enumerate(counts.items()):
        for number, permutation in enumerate(permutations):
            shown[place, number, option_order(question_id, permutation, n)] = np.arange(n)
    return shown


def _on_questions(model: str, own: Mapping[str, Permuted]) -> list[dict]:
    """Accuracy by permutation, and the measures over all permutations."""
    permutations = sorted(set.intersection(*(set(one.permutations) for one in own.values())))
    items = [("accuracy", str(permutation)) for permutation in permutations]
    items += [(name, "") for name in OVER_ORDERS]
    values = {}
    for benchmark, one in own.items():
        places = [one.permutations.index(permutation) for permutation in permutations]
        always, ever = one.correct.all(axis=1), one.correct.any(axis=1)
        same = (one.chosen == one.chosen[:, :1]).all(axis=1) & (one.chosen[:, 0] != UNREAD)
        per_sample = [always, ever & ~always, ~ever, same]
        values[benchmark] = np.column_stack(
            [one.correct[:, places].mean(axis=2), *(array.mean(axis=1) for array in per_sample)]
        )
    rows = []
    for benchmark, means in means_with_intervals(values).items():
        budget = None if benchmark == MACRO else own[benchmark].budget
        rows += _rows(model, benchmark, budget, len(permutations), items, means)
    return rows


def _on_positions(model: str, benchmark: str, one: Permuted) -> list[dict]:
    """The shares of chosen and of right options at each position."""
    letters = LETTERS[: one.positions]
    places = np.arange(one.positions)
    read = (one.at != UNREAD)[..., None]
    chosen = (one.at[..., None] == places) & read
    right = (one.right_at[:, :, None, None] == places) & np.ones_like(read)
    hit = right & one.correct[..., None]
    over = (1, 2)
    shares = {"chosen_at": (chosen & read).mean(axis=over), "right_at": (right & read).mean(axis=over)}
    bias = {"position_bias": shares["chosen_at"] - shares["right_at"]}
    rows = []
    for measures, change in ((shares, False), (bias, True)):
        items = [(measure, letter) for measure in measures for letter in letters]
        means = means_with_intervals({benchmark: np.hstack(list(measures.values()))}, change=change)[benchmark]
        rows += _rows(model, benchmark, one.budget, len(one.permutations), items, means)
    hits, chances = hit.mean(axis=over), right.mean(axis=over)
    draws = mean_draws(np.hstack([hits, chances]), benchmark)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = draws[:, : one.positions] / draws[:, one.positions :]
        means = Means(hits.mean(axis=0) / chances.mean(axis=0), *percentiles(drawn), len(hits))
    items = [("accuracy_if_right_at", letter) for letter in letters]
    return rows + _rows(model, benchmark, one.budget, len(one.permutations), items, means)


def _rows(
    model: str, benchmark: str, budget: int | None, permutations: int, items: Sequence[tuple[str, str]], means: Means
) -> list[dict]:
    fixed = {"model": model, "benchmark": benchmark, "budget": budget, "permutations": permutations, "n": means.n}
    return [
        fixed | {"measure": measure, "item": item, "value": value, "ci_low": low, "ci_high": high}
        for (measure, item), value, low, high in zip(items, means.value, means.low, means.high, strict=True)
    ]
