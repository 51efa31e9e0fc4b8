"""The adapter medqa_dict: a JSON mapping by key, as MedQA and MedMCQA come."""

from __future__ import annotations

import pytest

from helpers.question_files import write
from m1flow.errors import M1FlowError
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def loaded(path):
    settings = read(QuestionSetSettings, {"adapter": "medqa_dict", "path": str(path), "shuffle": False})
    return load("m", settings, 0)


def test_a_letter_names_the_right_option_and_the_key_stands_for_an_id(tmp_path):
    options = {"B": "y", "A": "x"}
    rows = {
        "k1": {"id": "own", "question": "Which?", "options": options, "correct_answer": "B"},
        "k2": {"question": "What?", "options": options, "correct_answer": "E"},
        "k3": {"question": "Who?", "options": options, "correct_answer": "A"},
    }
    table, report = loaded(write(tmp_path / "d.json", rows))
    assert table["origin_id"].tolist() == ["own", "k3"]
    assert [list(shown) for shown in table["options"]] == [["x", "y"]] * 2 and table["answer_index"].tolist() == [1, 0]
    assert report["dropped"] == {"answer outside the options": 1}


def test_a_field_that_is_missing_is_named(tmp_path):
    with pytest.raises(M1FlowError, match=r"d\.json: m: field 'correct_answer' is missing; the file has _key, quest"):
        loaded(write(tmp_path / "d.json", {"k": {"question": "Q?", "options": {"A": "x", "B": "y"}}}))
