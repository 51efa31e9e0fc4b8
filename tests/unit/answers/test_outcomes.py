"""Outcomes: an answer is read only where one came to its end, and each way of having none has a name."""

from __future__ import annotations

import pytest

from m1flow.answers.outcomes import EMPTY, PARSED, REFUSED, TRUNCATED, UNPARSED, read_turn, why_unread
from m1flow.chat.turns import ModelTurn


def turn(answer: str, finished: bool = True, refused: bool = False) -> ModelTurn:
    return ModelTurn("thinking B", answer, 1, 1, finished, refused)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (turn("B"), None),
        (turn(" \n"), EMPTY),
        (turn("B", finished=False), TRUNCATED),
        (turn("", finished=False), TRUNCATED),
        (turn("B", refused=True), REFUSED),
        (turn("", finished=False, refused=True), REFUSED),
    ],
)
def test_what_has_no_answer_says_why_and_is_not_read(said, outcome):
    assert why_unread(said) == outcome
    seen = []
    reading = read_turn(said, lambda answer: seen.append(answer) or 1)
    assert reading == ((1, PARSED) if outcome is None else (None, outcome))
    assert seen == (["B"] if outcome is None else [])


def test_an_answer_that_says_nothing_plainly_is_unparsed_and_0_is_an_answer():
    assert read_turn(turn("hm"), lambda _: None) == (None, UNPARSED)
    assert read_turn(turn("A"), lambda _: 0, success="verified") == (0, "verified")
