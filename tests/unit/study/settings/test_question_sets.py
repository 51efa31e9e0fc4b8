"""Question sets: sources and benchmarks."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import FieldNames, QuestionSetSettings


def test_only_the_adapter_must_be_named():
    entry = read(QuestionSetSettings, {"adapter": "pubmedqa"})
    assert (entry.enabled, entry.shuffle, entry.path, entry.ids, entry.limit) == (True, True, (), (), None)
    assert refusal(QuestionSetSettings, {}) == "adapter: missing; add this key"


def test_one_path_is_a_list_of_it():
    one, several = (read(QuestionSetSettings, {"adapter": "headqa", "path": path}) for path in ("a", ["a", "b"]))
    assert (one.path, several.path) == (("a",), ("a", "b"))


def test_rows_may_be_chosen_by_values_of_any_plain_kind():
    where = {"kind": ["eye", "ear"], "year": 2020, "open": True}
    assert read(QuestionSetSettings, {"adapter": "records", "where": where}).dump()["where"] == where


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"question": "q", "options": "o"}, "answer: missing; add this key"),
        ({"question": "q", "options": 3, "answer": "a"}, "options: must be a text or a list of texts"),
        ({"question": "q", "options": "o", "answer": "a", "answers": "b"}, "answers: unknown key; did you mean"),
    ],
)
def test_fields_name_question_options_and_answer(fields, words):
    assert refusal(FieldNames, fields).startswith(words)
    assert refusal(QuestionSetSettings, {"adapter": "records", "fields": fields}).startswith(f"fields.{words}")
