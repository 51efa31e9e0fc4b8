"""Letters: every option that a question may have gets one, and no two get the same."""

from __future__ import annotations

from m1flow.questions.question import make_questions
from m1flow.text.letters import LETTERS


def test_a_question_with_as_many_options_as_letters_is_the_longest_that_is_kept():
    def kept(count: int) -> int:
        row = {"stem": "What?", "options": [f"o{n}" for n in range(count)], "answer_index": 0, "origin_id": count}
        two = row | {"options": ["a", "b"], "origin_id": "two"}
        return len(make_questions([two, row], "s", where="f: s", split="train", seed=0, shuffle=False)[0]) - 1

    assert (kept(len(LETTERS)), kept(len(LETTERS) + 1)) == (1, 0)


def test_letters_are_distinct_and_in_the_order_of_the_alphabet():
    assert "".join(sorted(set(LETTERS))) == LETTERS
