"""Readings: an option that says the same as the right one is right, and none is not."""

from __future__ import annotations

import pytest

from m1flow.answers.reading import is_right, same_text


@pytest.mark.parametrize(("index", "right"), [(0, False), (1, True), (2, True), (3, False), (None, False)])
def test_twins_of_the_right_option_are_right(index, right):
    assert is_right(index, ["yes", "no", "no", "perhaps"], 2) == right


def test_white_space_says_nothing_and_case_does():
    assert same_text("folic  acid ", "folic acid") and not same_text("Aa", "aa")
