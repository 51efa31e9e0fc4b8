"""The adapter pubmedqa: PubMedQA's own file and the hub's rows."""

from __future__ import annotations

import json

from helpers.question_files import write
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def test_pubmedqa_keeps_the_abstract_apart(tmp_path):
    row = {"QUESTION": "Does it?", "CONTEXTS": ["Part one.", "Part two."], "final_decision": "maybe"}
    table, _ = load(
        "p", read(QuestionSetSettings, {"adapter": "pubmedqa", "path": str(write(tmp_path / "p.json", {"99": row}))}), 0
    )
    assert table["context"][0] == "Part one.\nPart two." and table["stem"][0] == "Does it?"
    assert table["options"][0][table["answer_index"][0]] == "maybe" and table["origin_id"][0] == "99"


def test_pubmedqa_comes_from_the_hub_as_well(tmp_path):
    row = {"pubid": 99, "question": "Does it?", "context": {"contexts": ["One.", "Two."]}, "final_decision": "yes"}
    table, _ = load(
        "p",
        read(QuestionSetSettings, {"adapter": "pubmedqa", "path": str(write(tmp_path / "p.jsonl", json.dumps(row)))}),
        0,
    )
    assert table[["context", "stem", "origin_id"]].values.tolist() == [["One.\nTwo.", "Does it?", "99"]]
    assert table["options"][0][table["answer_index"][0]] == "yes"
