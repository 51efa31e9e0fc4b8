"""Confidence of a model in its answers, cell by cell.

The confidence in the answer that was read has one of two sources:
    options: the softmax of the log-probabilities of the question's options, where the engine gave them. It is
        meaningful only if the model would state the options in the same form: ``option_mass`` is their total
        probability, which is near 0 if the form is strange to the model;
    answer: the geometric mean probability of the answer's tokens.

An answer that couldn't be read has no confidence. It is left out of calibration; for risk and coverage, it counts as
wrong and is withheld first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from m1flow.sweep.grids import read_scored, unaltered

BINS = 10
OPTIONS, ANSWER = "options", "answer"


@dataclass(frozen=True)
class ConfidentAnswers:
    """The answers of one cell with their confidence, as arrays over answers.

    Attributes:
        question: the question's number, 0 to questions - 1.
        questions: the number of questions.
        sure: the confidence; NaN where no answer was read.
        correct: whether the answer is right.
        salt: the benchmark's name, which seeds the bootstrap.
    """

    question: np.ndarray
    questions: int
    sure: np.ndarray
    correct: np.ndarray
    salt: str

    @property
    def read(self) -> np.ndarray:
        """Whether each answer was read."""
        return ~np.isnan(self.sure)

    @property
    def residuals(self) -> np.ndarray:
        """Confidence minus correctness (1 or 0) of each answer."""
        return self.sure - self.correct


def cells_with_confidence(path: Path) -> Iterator[tuple[int, bool, str, ConfidentAnswers, float | None]]:
    """Cells without extensions: budget, whether it is the largest, kind of confidence, answers, mean option mass."""
    rows = unaltered(
        read_scored(path, ["parsed_index", "correct", "answer_tokens", "answer_logprob", "option_logprobs"])
    )
    rows = rows[rows["extensions"] == 0]
    question, ids = pd.factorize(rows["question_id"])
    chosen = rows["parsed_index"].fillna(-1).to_numpy(int)
    per_token = rows["answer_logprob"].to_numpy(float) / np.maximum(1, rows["answer_tokens"].to_numpy())
    over_options, mass = option_confidence(rows["option_logprobs"], chosen)
    kinds = {
        OPTIONS: over_options,
        ANSWER: np.where(chosen >= 0, np.exp(per_token), np.nan),
    }
    budgets, correct = rows["budget"].to_numpy(), rows["correct"].to_numpy(bool)
    for budget in np.unique(budgets):
        at_budget = budgets == budget
        for kind, sure in kinds.items():
            if not np.isnan(sure[at_budget]).all():
                cell = ConfidentAnswers(question[at_budget], len(ids), sure[at_budget], correct[at_budget], path.stem)
                shared = float(np.nanmean(mass[at_budget])) if kind == OPTIONS else None
                yield int(budget), budget == budgets.max(), kind, cell, shared


def option_confidence(option_logprobs: pd.Series, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the chosen option among the question's options, and of all options together.

    Args:
        option_logprobs: lists of log-probabilities in the benchmark's order of options, or null.
        chosen: the option read, below 0 for none.

    Returns:
        The chosen option's softmax probability, and the sum of the options' probabilities; NaN where there are no
        log-probabilities or no option was read.
    """
    counts = option_logprobs.map(len, na_action="ignore").fillna(0).astype(int).to_numpy()
    sure, mass = np.full(len(chosen), np.nan), np.full(len(chosen), np.nan)
    for n in np.unique(counts[counts > 0]):
        at = np.flatnonzero((counts == n) & (chosen >= 0) & (chosen < n))
        if len(at):
            table = np.stack(option_logprobs.to_numpy()[at]).astype(float)
            sure[at] = softmax(table, axis=1)[np.arange(len(at)), chosen[at]]
            mass[at] = np.exp(table).sum(axis=1)
    return sure, mass


def equal_mass(sure: np.ndarray) -> np.ndarray:
    """The bin of each confidence, among BINS bins with about equally many answers; equal confidences share a bin."""
    edges = np.quantile(sure, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, sure, side="right")


def errors_in_order(cell: ConfidentAnswers) -> tuple[np.ndarray, np.ndarray]:
    """Whether each answer is wrong, the most confident first and unread ones last; and the order of the answers.

    Equally confident answers have no order, so each counts as their mean.
    """
    sure = np.where(cell.read, cell.sure, -1.0)
    order = np.argsort(-sure, kind="stable")
    wrong = ~cell.correct[order]
    _, ties = np.unique(-sure[order], return_inverse=True)
    return (np.bincount(ties, wrong) / np.bincount(ties))[ties], order
