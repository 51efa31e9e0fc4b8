"""A model as a respondent: asked once for each question and attempt, and read back in the questions' order."""

from __future__ import annotations

import pytest

from helpers.scripted import ScriptedChat
from m1flow.chat.journalled import JournalledChat
from m1flow.files.journal import Journal
from m1flow.respondents.model import ModelRespondent
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings

PROMPTS = {"question": "{stem}", "solve": "Solve: {question}", "teach": "Teach: {question}"}


@pytest.fixture
def respond(tmp_path):
    """A function that gives the turns of a scripted model, and what it was asked."""

    def respond(questions, lives=None, purpose="solve", attempts=1, **sampling):
        chat = ScriptedChat(lambda one: f"{one.text}/{one.sampling.seed}", lives)
        with Journal(tmp_path / "j.jsonl") as journal:
            journalled = JournalledChat("scripted", lambda: chat, journal, 50)
            settings = read(SolverSettings, sampling)
            respondent = ModelRespondent(
                "m", journalled, settings, PROMPTS, purpose=purpose, thinks=False, seed=0, attempts=attempts
            )
            return list(respondent.turns(questions)), chat.heard

    return respond


def test_turns_come_in_the_questions_order_whatever_order_they_finish_in(respond, tiny_questions):
    turns, heard = respond(tiny_questions)
    assert [turn[:2] for turn in turns] == [(question_id, 0) for question_id in tiny_questions["question_id"]]
    assert [turn.answer for _, _, turn in turns] == [f"Solve: {stem}/0" for stem in tiny_questions["stem"]]
    assert [one.key for one in heard] == [turn[:2] for turn in reversed(turns)]
    assert respond(tiny_questions, purpose="teach")[0][0][2].answer.startswith("Teach: ")


def test_progress_counts_every_attempt_at_every_question(respond, tiny_questions, caplog):
    caplog.set_level("INFO")
    respond(tiny_questions, attempts=3, temperature=0.7)
    assert "m: 36 of 36 answered" in caplog.text


def test_attempts_are_drawn_from_streams_of_their_own(respond, tiny_questions):
    turns, heard = respond(tiny_questions, attempts=3, temperature=0.7)
    assert [attempt for _, attempt, _ in turns] == [0, 1, 2] * len(tiny_questions)
    assert len({one.sampling for one in heard}) == len({turn.answer for _, _, turn in turns}) == 36


def test_a_run_that_broke_off_asks_only_what_is_missing(respond, tiny_questions):
    with pytest.raises(KeyboardInterrupt):
        respond(tiny_questions, lives=5)
    turns, heard = respond(tiny_questions)
    assert len(turns) == 12 and len(heard) == 7
    assert respond(tiny_questions)[1] == []
