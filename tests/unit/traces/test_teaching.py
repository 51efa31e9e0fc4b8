"""Traces: teachers behind one interface, and verification that can't be talked round."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from helpers.scripted import ScriptedEngine
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.local import LocalChat
from m1flow.chat.turns import ModelTurn
from m1flow.files.contracts import CONTRACTS
from m1flow.files.journal import Journal
from m1flow.models.formats import Formatter
from m1flow.questions.formulary import questions as formulary_questions
from m1flow.questions.question import make_questions as from_rows
from m1flow.questions.sources import load
from m1flow.respondents.formulary import FormularyRespondent
from m1flow.respondents.model import ModelRespondent
from m1flow.respondents.recorded_turns import RecordedRespondent
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.solvers import SolverSettings
from m1flow.study.settings.teachers import TeacherSettings
from m1flow.traces.teaching import OUTCOMES, to_teach, trace_rows, verify
from m1flow.training.tokenizer import train_tokenizer

WORLD = {"seed": 7, "drugs": 20, "rare_drugs": 5}
DRUGS = ["Aspirin", "Dexamethasone", "Folic acid", "Vitamin K"]
THINK = {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n", "forced_end": "\n</think>\n\n"}


@pytest.fixture
def ward():
    rows = formulary_questions(read(FormularySettings, WORLD), 60, (1, 4), "train", seed=1)
    return from_rows(rows, "ward", where="w", split="train", seed=0, shuffle=True)[0]


def turn(reasoning="r", answer="", finished=True, **more):
    return ModelTurn(reasoning, answer, 1, 1, finished, **more)


@pytest.mark.parametrize(
    ("turn", "outcome", "index"),
    [
        (turn(answer=r"\boxed{B}"), "verified", 1),
        (turn(answer=r"\boxed{A}"), "wrong", 0),
        (turn(answer="Dexamethasone"), "verified", 1),
        (turn(answer="B because of steroids"), "unparsed", None),
        (turn(answer="I'm sorry, but I can't help."), "refused", None),
        (turn(answer="", finished=False, refused=True), "refused", None),
        (turn(answer=r"\boxed{B}", refused=True), "refused", None),
        (turn(answer=""), "empty", None),
        (turn("", r"\boxed{B}"), "empty", 1),
        (turn(" \n", r"\boxed{A}"), "wrong", 0),
        (turn(r"so \boxed{B}", "", finished=False), "truncated", None),
        (turn(answer=r"\boxed{B}", finished=False), "truncated", None),
        (turn(answer=r"\boxed{B"), "truncated", None),
        (turn(answer=r"\boxed{D}examethasone"), "wrong", 3),
    ],
)
def test_verification(turn, outcome, index):
    assert verify(turn, DRUGS, 1) == (index, outcome)
    assert outcome in OUTCOMES


def test_one_that_answers_directly_needs_no_reasoning():
    assert verify(turn("", r"\boxed{B}"), DRUGS, 1, thinks=False) == (1, "verified")


def taught(teacher, questions):
    marked = questions.assign(hard=True, sampled=False)
    rows = pd.DataFrame(trace_rows(teacher, marked), columns=CONTRACTS["traces"].names)
    return rows, rows["outcome"].value_counts().to_dict()


def test_the_exact_solver_is_right_unless_it_slips(ward):
    assert taught(FormularyRespondent("t", 0, read(FormularySettings, WORLD), 0), ward)[1] == {"verified": 60}
    slipping, outcomes = taught(FormularyRespondent("t", 0.5, read(FormularySettings, WORLD), 0), ward)
    assert 0 < outcomes.pop("verified") < 60 and set(outcomes) <= {"wrong", "unparsed"}
    assert slipping.loc[slipping["outcome"] == "unparsed", "parsed_index"].isna().all()
    assert (slipping["verified"] == (slipping["outcome"] == "verified")).all()
    again, _ = taught(FormularyRespondent("t", 0.5, read(FormularySettings, WORLD), 0), ward)
    assert again.equals(slipping)


def test_hard_questions_and_a_draw_before_difficulty_are_taught(tiny_questions):
    difficulty = tiny_questions[["question_id"]].assign(hard=[n % 4 == 0 for n in range(12)])

    def chosen(**spec):
        return to_teach(tiny_questions, difficulty, read(TeacherSettings, {"kind": "formulary"} | spec), 0)

    assert list(chosen()["question_id"]) == ["q00", "q04", "q08"]
    some, more = chosen(unfiltered_questions=4), chosen(unfiltered_questions=8)
    assert some["sampled"].sum() == 4 and some["hard"].sum() == 3
    assert set(some.loc[some["sampled"], "question_id"]) < set(more.loc[more["sampled"], "question_id"])
    assert len(chosen(unfiltered_questions=100)) == len(chosen(kind="recorded")) == 12
    assert chosen(kind="recorded")["sampled"].all()


def test_a_published_result_without_reasoning_is_nothing_to_learn_from(tmp_path, make_questions):
    row = {"question": "Which?", "options": dict(zip("ABCD", DRUGS, strict=True)), "predicted_answer": "B"}
    (tmp_path / "r.json").write_text(json.dumps([row]))
    teacher = RecordedRespondent("r", [tmp_path / "r.json"], read(FormatSettings, THINK))
    question = {"stem": "Which?", "options": DRUGS, "answer_index": 1}
    assert taught(teacher, make_questions(question))[1] == {"empty": 1}


def test_a_model_teaches_and_is_asked_once(tmp_path, tiny_questions):
    formatter = Formatter(
        train_tokenizer(["Severity"], 300), "think", FormatSettings(**THINK | {"forced_end": "\n</think>\n\n"})
    )
    engine = ScriptedEngine(formatter, lambda prompt, _: r"\boxed{A}" if "</think>" in prompt else "hm")
    prompts = {"question": "{stem}\n{options}", "teach": "{question}"}

    def teach(questions):
        with Journal(tmp_path / "j.jsonl") as journal:
            chat = JournalledChat("m", lambda: LocalChat(formatter, lambda: engine, "m"), journal, 60)
            teacher = ModelRespondent(
                "m", chat, read(SolverSettings, {}), prompts, purpose="teach", thinks=True, seed=0
            )
            return taught(teacher, questions)

    traces, outcomes = teach(tiny_questions.iloc[:11])
    assert traces["reasoning"].eq("hm").all() and outcomes == {"verified": 3, "wrong": 8}
    asked = len(engine.requests)
    again, _ = teach(tiny_questions.iloc[:11])
    assert len(engine.requests) == asked and again.equals(traces)
    more, _ = teach(tiny_questions)
    assert len(engine.requests) == asked + 2 and len(more) == 12  # thinking and answer of the one added


@pytest.mark.real
def test_real_traces_meet_their_questions(shared_data):
    folder = str(shared_data / "think-outputs")
    questions, _ = load("r", read(QuestionSetSettings, {"adapter": "recorded_questions", "path": folder}), 0)
    traces, outcomes = taught(RecordedRespondent("r", [folder], read(FormatSettings, THINK)), questions)
    assert len(traces) == 267 and outcomes.pop("truncated") == 5
    assert 60 <= outcomes["verified"] <= 120 and sum(outcomes.values()) == 262
