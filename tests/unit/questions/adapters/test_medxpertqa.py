"""The adapter medxpertqa: stems lose the copy of their options."""

from __future__ import annotations

import json

from helpers.question_files import write
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def test_medxpertqa_cuts_exactly_the_copy_of_its_options(tmp_path):
    options = [{"letter": "A", "content": "x (B) z"}, {"letter": "B", "content": "y"}]
    row = {
        "id": "T",
        "question": "Answer Choices: vary?\nAnswer Choices: (A) x (B) z (B) y",
        "options": options,
        "label": ["B"],
    }
    table, _ = load(
        "x",
        read(QuestionSetSettings, {"adapter": "medxpertqa", "path": str(write(tmp_path / "x.jsonl", json.dumps(row)))}),
        0,
    )
    assert table["stem"][0] == "Answer Choices: vary?"
    assert table["options"][0][table["answer_index"][0]] == "y"
