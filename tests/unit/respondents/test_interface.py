"""Every kind of respondent keeps the interface: each question that it can answer, in order, counted from attempt 0."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest

from m1flow.chat.turns import ModelTurn
from m1flow.questions.formulary import questions
from m1flow.questions.question import make_questions
from m1flow.respondents.formulary import FormularyRespondent
from m1flow.respondents.model import ModelRespondent
from m1flow.respondents.recorded_turns import RecordedRespondent
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings

THINK = {"thinking_start": "<think>", "thinking_end": "</think>", "forced_end": "</think>"}
WORLD = read(FormularySettings, {"seed": 7, "drugs": 20, "rare_drugs": 0})


@pytest.fixture(scope="module")
def ward():
    rows = questions(WORLD, 6, (1, 2), "train", seed=1)
    return make_questions(rows, "ward", where="w", split="train", seed=0, shuffle=True)[0]


def formulary(ward, folder):
    return FormularyRespondent("r", 0, WORLD, 0)


def recorded(ward, folder):
    rows = [
        {"question": row["stem"], "options": list(row["options"]), "completion": "<think>hm</think>A"}
        for row in reversed(ward.to_dict("records"))
    ]
    (folder / "r.json").write_text(json.dumps(rows))
    return RecordedRespondent("r", [folder / "r.json"], FormatSettings(**THINK))


def asked(ward, folder):
    chat = Namespace(ask=lambda turns, label, total: list(turns), turn=lambda one: ModelTurn("hm", "A", 1, 1, True))
    prompts = {"question": "{stem}", "solve": "{question}"}
    return ModelRespondent("r", chat, read(SolverSettings, {}), prompts, purpose="solve", thinks=True, seed=0)


@pytest.mark.parametrize("make", [formulary, recorded, asked])
def test_each_question_gets_its_turn_in_order(ward, tmp_path, make):
    respondent = make(ward, tmp_path)
    assert respondent.name == "r" and respondent.thinks is True
    turns = list(respondent.turns(ward))
    assert [(question_id, attempt) for question_id, attempt, _ in turns] == [(q, 0) for q in ward["question_id"]]
    assert all(isinstance(turn, ModelTurn) and turn.reasoning for _, _, turn in turns)
    assert list(respondent.turns(ward.iloc[:0])) == []
