"""Attempts: parsed and judged in order, and hard means that everyone failed every time."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from helpers.scripted import ScriptedEngine
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.local import LocalChat
from m1flow.files.journal import Journal
from m1flow.models.formats import Formatter
from m1flow.questions.sources import load
from m1flow.respondents.model import ModelRespondent
from m1flow.respondents.recorded_turns import RecordedRespondent
from m1flow.study.settings.difficulty import DifficultySettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.solvers import SolverSettings
from m1flow.traces.attempts import attempt_rows
from m1flow.traces.difficulty import rate_difficulty
from m1flow.training.tokenizer import train_tokenizer

PROMPTS = {"question": "{stem}\n{options}", "solve": "{question}"}


@pytest.fixture
def attempt(tmp_path):
    """Attempts of a scripted solver, and the requests it got."""
    formatter = Formatter(
        train_tokenizer(["Severity of a question", "the answer is \\boxed{3}"], 300), "direct", FormatSettings()
    )

    def run(script, questions, **spec):
        engine = ScriptedEngine(formatter, script)
        with Journal(tmp_path / "j.jsonl") as journal:
            chat = JournalledChat("s", lambda: LocalChat(formatter, lambda: engine, "s"), journal, 50)
            entry = read(SolverSettings, spec)
            asking = {"purpose": "solve", "thinks": False, "seed": 0, "attempts": entry.attempts}
            solver = ModelRespondent("s", chat, entry, PROMPTS, **asking)
            return pd.DataFrame(attempt_rows(solver, questions)), engine.requests

    return run


def test_attempts_are_parsed_and_judged_in_the_questions_order(attempt, tiny_questions):
    attempts, _ = attempt(lambda prompt, _: r"\boxed{A}" if "Severity 4." in prompt else "\\boxed{B", tiny_questions)
    assert list(attempts["question_id"]) == list(tiny_questions["question_id"])
    assert attempts.set_index("question_id")["correct"].to_dict() == {
        question_id: question_id == "q04" for question_id in tiny_questions["question_id"]
    }
    assert attempts["outcome"].value_counts().to_dict() == {"truncated": 11, "parsed": 1}
    assert attempts["tokens"].gt(0).all()


def test_several_attempts_have_streams_of_their_own(attempt, tiny_questions):
    attempts, requests = attempt(lambda *_: "A", tiny_questions, attempts=3, temperature=0.7)
    assert len(attempts) == 36 and attempts.groupby("question_id")["attempt"].apply(list).tolist() == [[0, 1, 2]] * 12
    assert len({request.sampling.seed for request in requests}) == 36


@pytest.mark.real
def test_recorded_solvers_reproduce_the_counts_of_their_files(shared_data):
    """Of 1,089 MMLU questions both small models fail 93; DeepSeek-R1 gets 61 of these right."""
    folder = shared_data / "difficulty-mmlu"
    files = {name: str(next(folder.glob(f"{name}*.json"))) for name in ("gpt-4o-mini", "Llama", "DeepSeek-R1")}
    records = {name: json.loads(Path(file).read_text(encoding="utf-8")) for name, file in files.items()}

    def right(name):
        return [row["predicted_answer"] == row["answer_idx"] for row in records[name]]

    fail_both = [not (a or b) for a, b in zip(right("gpt-4o-mini"), right("Llama"), strict=True)]
    expected = sum(fail_both), sum(hard and r1 for hard, r1 in zip(fail_both, right("DeepSeek-R1"), strict=True))
    assert expected == (93, 61)

    fields = {"question": "question", "options": "options", "answer": "answer_idx", "id": "realidx"}
    spec = {"adapter": "records", "path": files["Llama"], "fields": fields, "shuffle": False}
    questions, _ = load("mmlu", read(QuestionSetSettings, spec), 0)
    attempts = {
        name: pd.DataFrame(attempt_rows(RecordedRespondent(name, [file], read(FormatSettings, {})), questions))
        for name, file in files.items()
    }
    rated = rate_difficulty([attempts["gpt-4o-mini"], attempts["Llama"]], read(DifficultySettings, {}))
    hard = set(rated.loc[rated["hard"], "question_id"])
    teacher = attempts["DeepSeek-R1"]
    assert len(rated) == 1089
    assert (len(hard), int(teacher[teacher["question_id"].isin(hard)]["correct"].sum())) == expected
