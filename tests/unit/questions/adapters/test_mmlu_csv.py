"""The adapter mmlu_csv: MMLU's files without header, a subject each."""

from __future__ import annotations

import pytest

from helpers.question_files import write
from m1flow.errors import M1FlowError
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def test_mmlu_takes_the_subject_from_the_file(tmp_path):
    write(tmp_path / "anatomy_test.csv", 'Which "bone"?,a,b,c,d,C\n')
    write(tmp_path / "virology_test.csv", "What?,a,b,c,d,A\n")
    table, _ = load("m", read(QuestionSetSettings, {"adapter": "mmlu_csv", "path": str(tmp_path)}), 0)
    assert list(table["domain"]) == ["anatomy", "virology"]
    assert sorted(table["options"].iloc[0]) == ["a", "b", "c", "d"]
    assert [o[i] for o, i in zip(table["options"], table["answer_index"], strict=True)] == ["c", "a"]
    table, _ = load(
        "m", read(QuestionSetSettings, {"adapter": "mmlu_csv", "path": str(tmp_path), "subjects": ["virology"]}), 0
    )
    assert list(table["domain"]) == ["virology"]
    with pytest.raises(M1FlowError, match="no file for 'law'; choose from anatomy, virology"):
        load("m", read(QuestionSetSettings, {"adapter": "mmlu_csv", "path": str(tmp_path), "subjects": ["law"]}), 0)
    write(tmp_path / "law_test.csv", "What?,a,b\n")
    with pytest.raises(M1FlowError, match=r"law_test\.csv: m: row 1 has 3 columns"):
        load("m", read(QuestionSetSettings, {"adapter": "mmlu_csv", "path": str(tmp_path)}), 0)
