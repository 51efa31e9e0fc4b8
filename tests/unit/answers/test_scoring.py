"""Scoring: rows are judged by their answers alone, in the benchmark's order of options."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from m1flow.answers.reading import Parsed
from m1flow.answers.scorer import Scorer
from m1flow.answers.scoring import score, scored_by
from m1flow.errors import M1FlowError
from m1flow.questions.option_orders import option_order
from m1flow.study.seams.scorers import SCORERS

DRUGS = ["Aspirin", "Dexamethasone", "Folic acid", "Vitamin K"]


def generations(*rows):
    blank = {"question_id": "q0", "sample": 0, "permutation": 0, "budget": 8}
    blank |= {"thinking_text": None, "natural_end": True, "answer_finished": True}
    return pd.DataFrame([blank | row for row in rows])


@pytest.fixture
def questions(make_questions):
    return make_questions({"options": DRUGS, "answer_index": 1}, {"options": ["no", "yes", "yes"], "answer_index": 2})


def test_rows_are_judged_by_their_answers(questions):
    rows = generations(
        {"answer_text": r"\boxed{B}"},
        {"answer_text": r"\boxed{A}"},
        {"answer_text": "hm"},
        {"answer_text": r"\boxed{B", "answer_finished": False},
        {"answer_text": ""},
        {"question_id": "q1", "answer_text": r"\boxed{yes}"},
    )
    scored = score(rows, questions, "strict")
    assert list(scored["outcome"]) == ["parsed", "parsed", "unparsed", "truncated", "empty", "parsed"]
    assert scored["parsed_index"].fillna(-1).tolist() == [1, 0, -1, -1, -1, 1]
    assert list(scored["correct"]) == [True, False, False, False, False, True]


def test_letters_mean_the_options_as_they_were_shown(questions):
    order = option_order("q0", 1, len(DRUGS))
    assert order != [0, 1, 2, 3]
    rows = generations(*({"answer_text": rf"\boxed{{{letter}}}", "permutation": 1} for letter in "ABCD"))
    scored = score(rows, questions, "strict")
    assert scored["parsed_index"].tolist() == order
    assert scored["correct"].tolist() == [index == 1 for index in order]


def test_thinking_is_never_graded(questions):
    rows = generations(
        {"answer_text": "", "thinking_text": r"surely \boxed{B}", "natural_end": False},
        {"answer_text": r"\boxed{A}", "thinking_text": r"surely \boxed{B}", "natural_end": False},
    )
    assert not score(rows, questions, "strict")["correct"].any()
    # The paper's scorer guesses, but from the answer too.
    thoughtless = rows.assign(thinking_text=None)
    guesses = [list(score(table, questions, "m1")["parsed_index"]) for table in (rows, thoughtless)]
    assert guesses[0] == guesses[1]


def test_equal_answers_of_different_questions_are_told_apart(questions):
    rows = generations(
        {"answer_text": r"\boxed{B}"}, {"question_id": "q1", "answer_text": r"\boxed{A}"}, {"answer_text": r"\boxed{A}"}
    )
    assert list(score(rows, questions, "strict")["correct"]) == [True, False, False]


def test_an_unknown_question_or_scorer_is_an_error(questions):
    with pytest.raises(M1FlowError, match="question_id 'q9' is not in the benchmark"):
        score(generations({"question_id": "q9", "answer_text": "A"}), questions, "strict")
    with pytest.raises(M1FlowError, match='scorer: must be one of m1, strict, not "lenient"'):
        score(generations({"answer_text": "A"}), questions, "lenient")


def test_a_scorer_is_told_the_right_option_only_where_it_declares_to_read_it(questions, monkeypatch):
    told = []
    for reads in (True, False):
        declared = dataclasses.replace(
            SCORERS.load("strict", Scorer),
            reads_right_option=reads,
            read=lambda answer: told.append(answer.right) or Parsed(0, "parsed"),
        )
        monkeypatch.setattr("m1flow.answers.scorers.strict.SCORER", declared)
        score(generations({"answer_text": "A"}), questions, "strict")
    assert told == [1, None]


@pytest.mark.parametrize("name", SCORERS.names())
def test_every_scorer_says_its_version(name):
    assert scored_by(name) == {"scorer": name, "scorer_version": 1}
