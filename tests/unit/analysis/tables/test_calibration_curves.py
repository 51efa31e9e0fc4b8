"""Curves of reliability: their intervals are over questions."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.confident_answers import judged
from m1flow.analysis.intervals import mean_draws, wilson
from m1flow.analysis.tables.calibration_curves import COVERAGES, reliability


def test_the_curve_s_intervals_are_over_questions():
    """Of one confidence, so of one bin: one sample a question, copies of it, and one of many samples that differs."""

    def interval(correct: np.ndarray) -> tuple[float, float]:
        questions, samples = correct.shape
        question = np.repeat(np.arange(questions), samples)
        (point,) = reliability(judged([0.7] * correct.size, correct.ravel(), question))
        return point["ci_low"], point["ci_high"]

    once = np.arange(40)[:, None] < 30
    for copies in (1, 4):
        assert interval(np.repeat(once, copies, axis=1)) == pytest.approx(wilson(30, 40))
    right = np.ones((150, 8))
    assert interval(right) == pytest.approx(wilson(150, 150))
    right[0, 0] = 0
    assert interval(right)[0] < wilson(150, 150)[0]


def test_risk_is_told_in_steps_of_a_twentieth_up_to_all_answers():
    assert list(COVERAGES) == pytest.approx([0.05 * n for n in range(1, 21)])


def test_questions_with_few_and_many_answers_count_as_a_bootstrap_counts_them():
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 9, 500)
    hits = rng.binomial(counts, rng.beta(1, 1, 500))
    correct = [k < hit for count, hit in zip(counts, hits, strict=True) for k in range(count)]
    (point,) = reliability(judged([0.7] * len(correct), correct, np.repeat(np.arange(500), counts)))
    draws = mean_draws(np.column_stack([hits, counts]).astype(float), "b")
    low, high = np.percentile(draws[:, 0] / draws[:, 1], [2.5, 97.5])
    assert (point["ci_low"], point["ci_high"]) == pytest.approx((low, high), abs=0.004)
