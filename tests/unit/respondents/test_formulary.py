"""The demo's exact solver: right unless it slips, and where it slips is drawn once and for all."""

from __future__ import annotations

import pytest

from m1flow.answers.strict import parse_answer
from m1flow.questions.formulary import questions
from m1flow.questions.question import make_questions
from m1flow.respondents.formulary import FormularyRespondent
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read

WORLD = read(FormularySettings, {"seed": 7, "drugs": 20, "rare_drugs": 5})


@pytest.fixture(scope="module")
def ward():
    rows = questions(WORLD, 60, (1, 4), "train", seed=1)
    return make_questions(rows, "ward", where="w", split="train", seed=0, shuffle=True)[0]


def right(ward, slip_rate: float, seed: int = 0) -> list[bool]:
    turns = list(FormularyRespondent("t", slip_rate, WORLD, seed).turns(ward))
    assert [question_id for question_id, _, _ in turns] == ward["question_id"].tolist()
    assert all(turn.finished and turn.reasoning and turn.cost == 0 for _, _, turn in turns)
    read_indices = [
        parse_answer(turn.answer, options).index for (_, _, turn), options in zip(turns, ward["options"], strict=True)
    ]
    return [index == answer for index, answer in zip(read_indices, ward["answer_index"], strict=True)]


def test_without_slips_every_answer_is_right(ward):
    assert all(right(ward, 0))


def test_slips_make_some_answers_wrong_and_are_the_same_each_time(ward):
    slipped = right(ward, 0.5)
    assert 0 < sum(slipped) < len(slipped)
    assert slipped == right(ward, 0.5) != right(ward, 0.5, seed=1)
    assert sum(right(ward, 0.1)) > sum(slipped)
