"""The adapter recorded_questions: questions in files of recorded traces."""

from __future__ import annotations

from helpers.question_files import write
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def test_recorded_questions_come_once_with_their_options_in_place(tmp_path):
    row = {"question": "Which?", "options": {"A": "x", "B": "y"}, "answer_idx": "B", "realidx": 5, "subject": "anatomy"}
    other = row | {"question": "Who?", "realidx": 7}
    path = write(tmp_path / "r.json", [row, other, row | {"completion": "else", "realidx": 6}])
    table, report = load(
        "r", read(QuestionSetSettings, {"adapter": "recorded_questions", "path": str(path), "shuffle": True}), 0
    )
    assert list(table["options"][0]) == ["x", "y"] and table["answer_index"][0] == 1
    assert list(table["stem"]) == ["Which?", "Who?"] and list(table["origin_id"]) == ["5", "7"]
    assert report["dropped"] == {"another recording of the question": 1}
