"""Labels of errors: what of a judge's answer is one, and how those that people gave are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.error_labels import LABELS, Answered, parse_label, read_hand_labels
from m1flow.errors import M1FlowError


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


def labels_file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("question_id,model,label,sample,note", *lines)) + "\n", encoding="utf-8")
    return path


def test_hand_labels_are_read_and_blank_ones_wait(tmp_path):
    path = labels_file(
        tmp_path / "h.csv", "q1,m,Knowledge,,sure", "q2,m,,,later", 'q1,m, other. ,2,"a, b"', "q1,n,other,0,"
    )
    assert read_hand_labels(path) == {
        Answered("m", "q1"): "knowledge",
        Answered("m", "q1", 2): "other",
        Answered("n", "q1"): "other",
    }


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["q1,m,ignorance,,"], "row 1: 'ignorance' is no label; use knowledge, reasoning, other"),
        (["q1,m,other,,", "q1,m,knowledge,0,"], "row 2: m on q1 is labelled twice"),
        (["q1,m,other,first,"], "row 1: sample: must be a whole number"),
        (["q1,m,other"], "hasn't 5 cells"),
    ],
)
def test_a_hand_label_that_could_mislead_is_refused_in_one_line(tmp_path, lines, problem):
    path = labels_file(tmp_path / "h.csv", *lines)
    with pytest.raises(M1FlowError) as error:
        read_hand_labels(path)
    assert problem in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_hand_labels_need_their_columns(tmp_path):
    (tmp_path / "h.csv").write_text("question,model,label\nq1,m,other\n")
    with pytest.raises(M1FlowError, match="row 1: no column 'question_id'"):
        read_hand_labels(tmp_path / "h.csv")
