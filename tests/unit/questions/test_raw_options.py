"""Raw options: labels, texts and the right answer are found in every shape that data sets have."""

from __future__ import annotations

import numpy as np
import pytest

from m1flow.errors import M1FlowError
from m1flow.questions.raw_options import answer_position, as_list, labelled_options


@pytest.mark.parametrize(
    ("answer", "position"),
    [("C", None), ("A", 0), ("1", 1), (2, None), (-1, None), (True, None), (None, None), ("z", None), (" y ", 1)],
)
def test_where_the_answer_is(answer, position):
    assert answer_position(answer, ["A", "B"], ["x", "y"]) == position


@pytest.mark.parametrize(
    ("answer", "position"), [(1, 0), (4, 3), (0, 0), (5, None), (1.0, 0), ("1", 0), (np.int64(2), 1), (np.True_, None)]
)
def test_a_number_that_is_a_label_is_the_label(answer, position):
    assert answer_position(answer, list("1234"), list("wxyz")) == position


def test_text_wins_over_an_index_and_a_label_over_both():
    assert answer_position("1", ["A", "B", "C"], ["0", "2", "1"]) == 2
    assert answer_position("1", ["3", "1", "2"], ["0", "2", "1"]) == 1
    assert answer_position("2", ["A", "B", "C"], ["x", "y", "z"]) == 2


@pytest.mark.parametrize(
    ("given", "labels", "texts"),
    [
        ({"B": "y", "A": "x", "C": None}, ["A", "B"], ["x", "y"]),
        ([{"letter": "B", "content": "y"}, {"letter": "A", "content": "x"}], ["B", "A"], ["y", "x"]),
        (["x", "y"], ["A", "B"], ["x", "y"]),
        ([], [], []),
    ],
)
def test_options_keep_their_labels(given, labels, texts):
    assert labelled_options(given, "f") == (labels, texts)


@pytest.mark.parametrize("given", ["A. x B. y", 3, None])
def test_what_is_no_set_of_options_is_refused(given):
    with pytest.raises(
        M1FlowError, match=rf"^f: opts: options are of type {type(given).__name__}; name a field that holds a list"
    ):
        labelled_options(given, "f: opts")


@pytest.mark.parametrize(
    ("value", "values"), [(None, []), ("xy", ["xy"]), (("x", "y"), ["x", "y"]), ([], []), (0, [0])]
)
def test_one_value_is_a_list_of_it(value, values):
    assert as_list(value) == values
