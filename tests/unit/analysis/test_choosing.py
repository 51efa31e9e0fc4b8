"""Choosing: halves of the questions to choose and to score on, and the best of several."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from m1flow.analysis.choosing import SPLITS, best_of, random_halves


@given(st.integers(2, 30), st.text("abcdef", max_size=4))
def test_halves_are_halves_and_every_question_is_scored_once_a_split(questions, salt):
    halves = random_halves(questions, salt)
    assert halves.shape == (2 * SPLITS, questions)
    assert (halves.reshape(-1, 2, questions).sum(axis=1) == 1).all()
    assert set(halves.sum(axis=1)) == {questions // 2, questions - questions // 2}
    assert (halves == random_halves(questions, salt)).all()


def test_benchmarks_are_split_apart_from_each_other():
    assert (random_halves(40, "a") != random_halves(40, "b")).any()


def test_the_first_of_those_that_differ_by_rounding_only_is_the_best():
    rows = np.array([[0.5, 0.7, 0.7], [0.1 + 0.2, 0.3, 0.1], [0.3, 0.1 + 0.2, 0.2]])
    assert best_of(rows).tolist() == [1, 0, 0]
