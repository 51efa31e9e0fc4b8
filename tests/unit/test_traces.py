"""Traces: teachers behind one interface, and verification that can't be talked round."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from scripted import ScriptedEngine

from m1flow.chat import JournalledChat, LocalChat, Turn
from m1flow.errors import M1FlowError
from m1flow.formats import Formatter
from m1flow.formulary import questions as formulary_questions
from m1flow.journal import Journal
from m1flow.questions import make_questions as from_rows
from m1flow.respondents import FormularyRespondent, ModelRespondent, RecordedRespondent
from m1flow.sources import load
from m1flow.storage import CONTRACTS
from m1flow.tokenizers import train_tokenizer
from m1flow.traces import OUTCOMES, to_teach, trace_rows, verify

WORLD = {"seed": 7, "drugs": 20, "rare_drugs": 5}
DRUGS = ["Aspirin", "Dexamethasone", "Folic acid", "Vitamin K"]
THINK = {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n"}


@pytest.fixture
def ward():
    rows = formulary_questions(WORLD, {"questions": 60, "chain": [1, 4], "seed": 1, "drugs": "common"}, "train")
    return from_rows(rows, "ward", where="w", split="train", seed=0, shuffle=True)[0]


def turn(reasoning="r", answer="", finished=True, **more):
    return Turn(reasoning, answer, 1, 1, finished, **more)


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
    assert taught(FormularyRespondent("t", {}, WORLD, 0), ward)[1] == {"verified": 60}
    slipping, outcomes = taught(FormularyRespondent("t", {"slip_rate": 0.5}, WORLD, 0), ward)
    assert 0 < outcomes.pop("verified") < 60 and set(outcomes) <= {"wrong", "unparsed"}
    assert slipping.loc[slipping["outcome"] == "unparsed", "parsed_index"].isna().all()
    again, _ = taught(FormularyRespondent("t", {"slip_rate": 0.5}, WORLD, 0), ward)
    assert again.equals(slipping)


def test_hard_questions_and_a_draw_before_difficulty_are_taught(tiny_questions):
    difficulty = tiny_questions[["question_id"]].assign(hard=[n % 4 == 0 for n in range(12)])

    def chosen(**spec):
        return to_teach(tiny_questions, difficulty, {"kind": "formulary"} | spec, 0)

    assert list(chosen()["question_id"]) == ["q00", "q04", "q08"]
    some, more = chosen(unfiltered_questions=4), chosen(unfiltered_questions=8)
    assert some["sampled"].sum() == 4 and some["hard"].sum() == 3
    assert set(some.loc[some["sampled"], "question_id"]) < set(more.loc[more["sampled"], "question_id"])
    assert len(chosen(unfiltered_questions=100)) == len(chosen(kind="recorded")) == 12
    assert chosen(kind="recorded")["sampled"].all()


def recording(question, options, completion, **more):
    return {"question": question, "options": dict(zip("ABCD", options, strict=False)), "completion": completion} | more


@pytest.fixture
def recorded(tmp_path, make_questions):
    def teach(rows, *questions, name="r.json"):
        path = tmp_path / name
        path.write_text(json.dumps(rows))
        return taught(RecordedRespondent("r", [path], THINK), make_questions(*questions))

    return teach


def test_recorded_traces_are_split_and_found_by_their_question(recorded):
    rows = [
        recording(
            "Which  drug?",
            DRUGS,
            "<think>\nsteroids\n</think>\n\nB",
            token_usage={"prompt_tokens": 5, "completion_tokens": 9},
        ),
        recording("Cut?", DRUGS, "<think>\nlong \\boxed{A}"),
        recording("Elsewhere?", DRUGS, "<think>x</think>A"),
    ]
    traces, outcomes = recorded(
        rows,
        {"stem": "Which drug?", "options": DRUGS, "answer_index": 1},
        {"stem": "Cut?", "options": DRUGS},
        {"stem": "Not recorded?", "options": DRUGS},
    )
    assert traces[["reasoning", "answer", "outcome", "verified", "completion_tokens"]].values.tolist() == [
        ["steroids", "B", "verified", True, 9],
        ["long \\boxed{A}", "", "truncated", False, 0],
    ]
    assert outcomes == {"verified": 1, "truncated": 1}


def test_a_recording_with_its_options_in_another_order_is_not_used(recorded, caplog):
    rows = [recording("Which?", DRUGS, "<think>B it is</think>B")]
    traces, _ = recorded(rows, {"stem": "Which?", "options": DRUGS[::-1]})
    assert traces.empty and "another order" in caplog.text


def test_of_several_recordings_the_first_whole_one_counts(recorded):
    rows = [
        recording("Which?", DRUGS, text) for text in ("<think>cut", "<think>whole</think>B", "<think>late</think>A")
    ]
    traces, _ = recorded(rows, {"stem": "Which?", "options": DRUGS})
    assert traces["reasoning"].tolist() == ["whole"]


def test_the_papers_published_traces_are_read(recorded):
    row = {
        "prompt": "Ctx.\nWhich?\nA. Aspirin\nB. Gold,\nfine",
        "reasoning": "r",
        "distilled_answer_string": "\\boxed{B}",
    }
    traces, _ = recorded(
        [row], {"context": "Ctx.", "stem": "Which?", "options": ["Aspirin", "Gold, fine"], "answer_index": 1}
    )
    assert traces["verified"].tolist() == [True]


def test_what_was_recorded_is_counted(recorded, caplog):
    caplog.set_level("INFO")
    rows = [recording(stem, DRUGS, "<think>x</think>B") for stem in ("Which?", "Which?", "Else?")]
    bare = {"prompt": "Bare?", "reasoning": "r", "distilled_answer_string": "B"}
    recorded([*rows, bare], {"stem": "Which?", "options": DRUGS})
    assert "r: 4 recordings of 3 questions (1 without options), 1 of them in the pool" in caplog.text


def test_a_file_that_holds_no_recordings_is_named(recorded):
    with pytest.raises(M1FlowError, match=r"r\.json: r: field 'prompt' is missing; the file has text"):
        recorded([{"text": "x"}], {"stem": "Which?"})


def test_a_published_result_without_reasoning_is_nothing_to_learn_from(recorded):
    rows = [recording("Which?", DRUGS, None, predicted_answer="B")]
    del rows[0]["completion"]
    assert recorded(rows, {"stem": "Which?", "options": DRUGS, "answer_index": 1})[1] == {"empty": 1}


def test_of_several_recordings_that_of_the_questions_own_row_counts(recorded):
    rows = [recording("Which?", DRUGS, f"<think>{n}</think>B", realidx=n) for n in range(3)]
    traces, _ = recorded(rows, {"stem": "Which?", "options": DRUGS, "origin_id": "2"})
    assert traces["reasoning"].tolist() == ["2"]


def test_a_model_teaches_and_is_asked_once(tmp_path, tiny_questions):
    formatter = Formatter(train_tokenizer(["Severity"], 300), "think", THINK | {"forced_end": "\n</think>\n\n"})
    engine = ScriptedEngine(formatter, lambda prompt, _: r"\boxed{A}" if "</think>" in prompt else "hm")
    prompts = {"question": "{stem}\n{options}", "teach": "{question}"}

    def teach(questions):
        with Journal(tmp_path / "j.jsonl") as journal:
            chat = JournalledChat("m", lambda: LocalChat(formatter, lambda: engine, "m"), journal, 60)
            teacher = ModelRespondent("m", chat, {}, prompts, purpose="teach", thinks=True, seed=0)
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
    questions, _ = load("r", {"adapter": "recorded_questions", "path": folder}, 0)
    traces, outcomes = taught(RecordedRespondent("r", [folder], THINK), questions)
    assert len(traces) == 267 and outcomes.pop("truncated") == 5
    assert 60 <= outcomes["verified"] <= 120 and sum(outcomes.values()) == 262
