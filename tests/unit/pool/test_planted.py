"""Planted copies: disguised, but still the same question."""

from __future__ import annotations

import pytest

from m1flow.pool.planted import KINDS, planted_copies

STEM = "A 57-year-old man has had fever for two weeks. He lost 3.5 kg. Which test comes first?"


@pytest.fixture
def exam(make_questions):
    return make_questions(
        {"stem": STEM, "options": ["sputum", "x-ray", "blood count"], "answer_index": 2},
        {"stem": "Short?", "options": ["p", "q"]},
    )


def one(exam, kind):
    copies = planted_copies(exam.iloc[:1], 5, 0)[kind]
    assert len(copies) == 1
    return copies.iloc[0]


def test_kinds_change_what_they_say(exam):
    assert one(exam, "verbatim")["stem"] == STEM
    assert one(exam, "instruction prefixed")["stem"].endswith(STEM)
    assert one(exam, "clause appended")["stem"].startswith(STEM)
    appended = one(exam, "options appended to the stem")["stem"]
    assert appended.startswith(STEM) and all(option in appended for option in exam["options"][0])
    assert len(one(exam, "5 % of words dropped")["stem"].split()) == len(STEM.split()) - 1
    shuffled = one(exam, "sentences reordered")["stem"]
    assert shuffled != STEM and sorted(shuffled.split()) == sorted(STEM.split())
    formatted = one(exam, "case and punctuation changed")["stem"]
    assert formatted != STEM and "3.5" in formatted
    assert [c for c in formatted.lower() if c.isalnum()] == [c for c in STEM.lower() if c.isalnum()]


def test_reordered_options_keep_their_answer(exam):
    copy = one(exam, "options reordered")
    assert copy["options"] != exam["options"][0] and sorted(copy["options"]) == sorted(exam["options"][0])
    assert copy["options"][copy["answer_index"]] == "blood count"


def test_what_can_not_be_disguised_is_left_out(exam):
    copies = planted_copies(exam.iloc[1:], 5, 0)
    assert {kind for kind, table in copies.items() if table.empty} == {"5 % of words dropped", "sentences reordered"}


def test_copies_depend_on_the_seed_alone_and_leave_the_benchmark_as_it_is(exam):
    before = exam.copy(deep=True)
    first, second, other = (planted_copies(exam, 1, seed) for seed in (0, 0, 3))
    assert list(first) == list(KINDS) and all(first[kind].equals(second[kind]) for kind in KINDS)
    assert not all(first[kind].equals(other[kind]) for kind in KINDS)
    assert exam.equals(before)
