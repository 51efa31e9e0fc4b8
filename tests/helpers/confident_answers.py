"""Answers with a confidence, made by hand or drawn."""

from __future__ import annotations

import numpy as np

from m1flow.analysis.confidence import ConfidentAnswers


def judged(sure: list[float], correct: list[int], question: list[int] | None = None) -> ConfidentAnswers:
    question = np.arange(len(sure)) if question is None else np.array(question)
    return ConfidentAnswers(question, int(question.max()) + 1, np.array(sure, float), np.array(correct, bool), "b")


def drawn(rng: np.random.Generator, n: int, samples: int = 1, tilt: float = 0.0) -> ConfidentAnswers:
    """Answers that are right as often as they are sure, less ``tilt``."""
    sure = rng.uniform(0.3, 1, n)
    correct = rng.random((n, samples)) < np.clip(sure - tilt, 0, 1)[:, None]
    return judged(np.repeat(sure, samples), correct.ravel(), np.repeat(np.arange(n), samples))
