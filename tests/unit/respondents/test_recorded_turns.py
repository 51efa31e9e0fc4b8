"""Recorded turns: split as they were said, and found again by question and options."""

from __future__ import annotations

import json

import pytest

from m1flow.chat.turns import ModelTurn
from m1flow.errors import M1FlowError
from m1flow.respondents.recorded_turns import RecordedRespondent
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read

DRUGS = ["Aspirin", "Dexamethasone", "Folic acid", "Vitamin K"]
THINK = {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n", "forced_end": "\n</think>\n\n"}


def recording(question, options, completion, **more):
    return {"question": question, "options": dict(zip("ABCD", options, strict=False)), "completion": completion} | more


@pytest.fixture
def recorded(tmp_path, make_questions):
    """A function that gives the recorded turns of questions."""

    def found(rows, *questions):
        path = tmp_path / "r.json"
        path.write_text(json.dumps(rows))
        respondent = RecordedRespondent("r", [path], read(FormatSettings, THINK))
        assert respondent.thinks
        return [turn for _, _, turn in respondent.turns(make_questions(*questions))]

    return found


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
    turns = recorded(
        rows,
        {"stem": "Which drug?", "options": DRUGS, "answer_index": 1},
        {"stem": "Cut?", "options": DRUGS},
        {"stem": "Not recorded?", "options": DRUGS},
    )
    assert turns == [
        ModelTurn("steroids", "B", 5, 9, finished=True),
        ModelTurn("long \\boxed{A}", "", 0, 0, finished=False),
    ]


def test_a_recording_with_its_options_in_another_order_is_not_used(recorded, caplog):
    rows = [recording("Which?", DRUGS, "<think>B it is</think>B")]
    assert recorded(rows, {"stem": "Which?", "options": DRUGS[::-1]}) == [] and "another order" in caplog.text


def test_of_several_recordings_the_first_whole_one_counts(recorded):
    rows = [
        recording("Which?", DRUGS, text) for text in ("<think>cut", "<think>whole</think>B", "<think>late</think>A")
    ]
    assert [turn.reasoning for turn in recorded(rows, {"stem": "Which?", "options": DRUGS})] == ["whole"]


def test_the_papers_published_traces_are_read(recorded):
    row = {
        "prompt": "Ctx.\nWhich?\nA. Aspirin\nB. Gold,\nfine",
        "reasoning": "r",
        "distilled_answer_string": "\\boxed{B}",
    }
    [turn] = recorded([row], {"context": "Ctx.", "stem": "Which?", "options": ["Aspirin", "Gold, fine"]})
    assert (turn.reasoning, turn.answer, turn.finished) == ("r", r"\boxed{B}", True)


def test_what_was_recorded_is_counted(recorded, caplog):
    caplog.set_level("INFO")
    rows = [recording(stem, DRUGS, "<think>x</think>B") for stem in ("Which?", "Which?", "Else?")]
    bare = {"prompt": "Bare?", "reasoning": "r", "distilled_answer_string": "B"}
    recorded([*rows, bare], {"stem": "Which?", "options": DRUGS})
    assert "r: 4 recordings of 3 questions (1 without options), 1 of them in the pool" in caplog.text


def test_a_file_that_holds_no_recordings_is_named(recorded):
    with pytest.raises(M1FlowError, match=r"r\.json: r: field 'prompt' is missing; the file has text"):
        recorded([{"text": "x"}], {"stem": "Which?"})


def test_a_published_result_is_an_answer_without_reasoning(recorded):
    rows = [recording("Which?", DRUGS, None, predicted_answer="B")]
    del rows[0]["completion"]
    assert recorded(rows, {"stem": "Which?", "options": DRUGS}) == [ModelTurn("", "B", 0, 0, finished=True)]


def test_of_several_recordings_that_of_the_questions_own_row_counts(recorded):
    rows = [recording("Which?", DRUGS, f"<think>{n}</think>B", realidx=n) for n in range(3)]
    turns = recorded(rows, {"stem": "Which?", "options": DRUGS, "origin_id": "2"})
    assert [turn.reasoning for turn in turns] == ["2"]
