"""Hand labels: what a person wrote is read, and what could mislead is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from m1flow.errors import M1FlowError
from m1flow.study.hand_labels import LABELS, AnswerKey, folded_label, read_hand_labels


def labels_file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("question_id,model,label,sample,note", *lines)) + "\n", encoding="utf-8")
    return path


def test_hand_labels_are_read_and_blank_ones_wait(tmp_path):
    path = labels_file(
        tmp_path / "h.csv", "q1,m,Knowledge,,sure", "q2,m,,,later", 'q1,m, other. ,2,"a, b"', "q1,n,other,0,"
    )
    assert read_hand_labels(path) == {
        AnswerKey("m", "q1"): "knowledge",
        AnswerKey("m", "q1", 2): "other",
        AnswerKey("n", "q1"): "other",
    }


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["q1,m,ignorance,,"], "row 1: 'ignorance' is not a label; use knowledge, reasoning, other"),
        (["q1,m,other,,", "q1,m,knowledge,0,"], "row 2: the answer of m to q1 is labelled twice"),
        (["q1,m,other,first,"], "row 1: sample: must be a whole number"),
        (["q1,m,other"], "doesn't have 5 cells"),
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


@pytest.mark.parametrize("text", ["Knowledge", " knowledge. ", "KNOWLEDGE ."])
def test_a_label_may_be_spelt_as_people_write(text):
    assert folded_label(text) in LABELS
