"""The adapter headqa: HEAD-QA's exams."""

from __future__ import annotations

from helpers.question_files import write
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def test_headqa_counts_answers_from_one_and_drops_image_questions(tmp_path):
    def question(qid, **more):
        answers = [{"aid": n, "atext": f"t{n}"} for n in (1, 2, 3)]
        return {"qid": qid, "qtext": f"Q{qid}", "ra": "3", "answers": answers, "image": ""} | more

    exam = {
        "name": "E",
        "category": "biology",
        "data": [question("1"), question("2", image="x.png"), question("3", ra="9")],
    }
    path = write(tmp_path / "h.json", {"exams": {"E": exam}})
    table, report = load("h", read(QuestionSetSettings, {"adapter": "headqa", "path": str(path)}), 0)
    assert len(table) == 1 and table["options"][0][table["answer_index"][0]] == "t3"
    assert (table["domain"][0], table["origin_id"][0]) == ("biology", "E/1")
    assert report["dropped"] == {"image question": 1, "answer outside the options": 1}
