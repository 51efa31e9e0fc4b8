"""Labels of errors: what of a judge's answer is one, and how those that people gave are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.answers.error_labels import parse_label
from m1flow.study.hand_labels import LABELS


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (r"\boxed{knowledge}", "knowledge"),
        (r"It forgot that Musol lowers. **\boxed{\text{Knowledge.}}**", "knowledge"),
        ("It is \\boxed{reasoning}, thus\n$\\boxed{REASONING}$", "reasoning"),
        (r"\boxed{} \boxed{other}", "other"),
        # Two labels, or none plainly.
        (r"\boxed{knowledge} or \boxed{reasoning}", None),
        (r"\boxed{knowledge, reasoning}", None),
        (r"\boxed{knowledge/reasoning}", None),
        (r"\boxed{knowledge error}", None),
        (r"\boxed{not knowledge}", None),
        (r"\boxed{knowledge} \boxed{", None),
        (r"\boxed{knowledge", None),
        (r"\boxed{A}", None),
        ("knowledge", None),
        ("Answer: knowledge", None),
        ("", None),
    ],
)
def test_only_what_a_box_plainly_says_is_a_label(answer, label):
    assert parse_label(answer) == label


PIECES = st.one_of(st.sampled_from([*LABELS, "\\boxed{", "}", " ", "\n", "\\text{", ".", ","]), st.text(max_size=3))


@given(st.lists(PIECES, max_size=9).map("".join))
def test_a_label_that_is_read_is_in_a_box_and_no_other_is(answer):
    label = parse_label(answer)
    if label is not None:
        assert "\\boxed{" in answer and label in answer.casefold()
        other = LABELS[LABELS.index(label) - 1]
        assert parse_label(rf"{answer}\boxed{{{other}}}") is None
