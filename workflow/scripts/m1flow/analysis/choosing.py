"""Choosing among settings: the best of several, and halves of the questions for choosing and for scoring."""

from __future__ import annotations

import numpy as np

from m1flow.analysis.intervals import SEED

SPLITS = 20


def random_halves(questions: int, salt: str) -> np.ndarray:
    """SPLITS random halves of the questions and their complements, as masks (2 * SPLITS, question)."""
    generator = np.random.default_rng([SEED, *salt.encode()])
    ranks = generator.permuted(np.tile(np.arange(questions), (SPLITS, 1)), axis=1)
    first = ranks < questions // 2
    return np.stack([first, ~first], axis=1).reshape(2 * SPLITS, questions)


def best_of(accuracies: np.ndarray) -> np.ndarray:
    """The best column of every row; the first if several differ only by rounding."""
    return (accuracies >= accuracies.max(axis=1, keepdims=True) - 1e-9).argmax(axis=1)
