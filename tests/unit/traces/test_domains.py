"""Domains: what counts as naming a code, what is asked again, and that nothing is asked twice."""

from __future__ import annotations

import sys
from pathlib import Path

import assign_domains as script
import pandas as pd
import pytest

from helpers.engine_models import build_model
from helpers.scripted import ScriptedChat
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import ModelTurn
from m1flow.files.contracts import CONTRACTS
from m1flow.files.journal import Journal
from m1flow.files.json import read_json
from m1flow.files.parquet import read_table, write_table
from m1flow.respondents.chats import local
from m1flow.script import run
from m1flow.study.settings.domains import DomainSettings
from m1flow.study.settings.problems import read
from m1flow.study.vocabulary import read_vocabulary
from m1flow.traces.domains import ASK_AGAIN, assign_domains, to_assign
from m1flow.training.tokenizer import CHAT_TEMPLATE

MESH = Path(__file__).resolve().parents[3] / "config" / "mesh_qualifiers.tsv"
VOCABULARY = read_vocabulary(MESH)
CODES = [term.code for term in VOCABULARY.terms]
PROMPTS = {"question": "{stem}\n{options}", "domain": "Subjects:\n{codes}\nQuestion: {question}\nName a code."}
SPEC = {"attempts": 3, "temperature": 0, "top_p": 1.0}


def assigned(tmp_path, questions, chat, spec=SPEC, seed=0):
    with Journal(tmp_path / "domains.jsonl") as journal:
        journalled = JournalledChat(chat.identity, lambda: chat, journal, 50)
        return assign_domains(questions, journalled, read(DomainSettings, spec), PROMPTS, VOCABULARY, seed=seed)


def answers_at(attempt):
    """Names a code from that attempt on."""
    seeds = {}

    def say(asked):
        seeds.setdefault(asked.key, []).append(asked.sampling)
        return r"\boxed{DI}" if len(seeds[asked.key]) >= attempt else "hm"

    return say


@pytest.mark.parametrize(("attempt", "outcome"), [(1, "assigned"), (2, "assigned"), (3, "assigned"), (4, "invalid")])
def test_what_names_no_code_is_asked_again_then_marked(tmp_path, tiny_questions, attempt, outcome):
    chat = ScriptedChat(answers_at(attempt))
    table, counts = assigned(tmp_path, tiny_questions, chat)
    assert list(table["question_id"]) == list(tiny_questions["question_id"])
    assert set(table["outcome"]) == {outcome} and set(table["attempts"]) == {min(attempt, 3)}
    named = outcome == "assigned"
    assert set(table["code"]) == {"DI" if named else None} and set(table["domain"]) == {"diagnosis" if named else None}
    answers = 12 * min(attempt, 3)
    assert counts == {
        "questions": 12,
        "assigned": 12 * named,
        "invalid": 12 * (not named),
        "domain": {"diagnosis": 12} if named else {},
        "unread_answers": {"unparsed": 12 * (attempt - 1)} if attempt > 1 else {},
        "bill": {
            "answers": answers,
            "prompt_tokens": 100 * answers,
            "cached_tokens": 60 * answers,
            "completion_tokens": 10 * answers,
            "cost": 0.25 * answers,
        },
    }
    assert len(chat.heard) == answers
    path = tmp_path / "domains.parquet"
    write_table(path, table, "domains")
    assert read_table(path, "domains", CONTRACTS["domains"].names)["outcome"].eq(outcome).all()


def test_later_attempts_differ_from_the_first_and_from_each_other(tmp_path, tiny_questions):
    chat = ScriptedChat(lambda asked: "hm")
    assigned(tmp_path, tiny_questions.head(4), chat)
    first, *later = [chat.heard[n : n + 4] for n in (0, 4, 8)]
    assert all(asked.sampling.temperature == 0 and not asked.text.endswith(ASK_AGAIN) for asked in first)
    again = [asked for attempt in later for asked in attempt]
    assert all(asked.sampling.temperature == 0.7 and asked.text.endswith(ASK_AGAIN) for asked in again)
    assert len({asked.sampling.seed for asked in again}) == 8
    other = ScriptedChat(lambda asked: "hm")
    assigned(tmp_path / "other", tiny_questions.head(4), other, SPEC | {"temperature": 1.0}, seed=1)
    assert {asked.sampling.temperature for asked in other.heard} == {1.0}
    assert len({asked.sampling.seed for asked in other.heard} | {asked.sampling.seed for asked in again}) == 20


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (ModelTurn("", r"\boxed{DI}", 5, 5, True, refused=True), "refused"),
        (ModelTurn("so", r"\boxed{DI} or", 5, 50, False), "truncated"),
        (ModelTurn(r"\boxed{DI}", "", 5, 50, False), "truncated"),
        (ModelTurn(r"\boxed{DI}", " \n", 5, 5, True), "empty"),
        (ModelTurn(r"\boxed{DI}", "Surely.", 5, 5, True), "unparsed"),
    ],
)
def test_a_code_that_was_only_thought_cut_or_refused_is_none(tmp_path, tiny_questions, turn, reason):
    table, counts = assigned(tmp_path, tiny_questions.head(2), ScriptedChat(lambda asked: turn))
    assert table["code"].isna().all() and counts["unread_answers"] == {reason: 6}
    assert counts["bill"]["cost"] is None


def test_a_run_killed_anywhere_asks_only_what_is_missing(tmp_path, tiny_questions):
    def say(asked):
        if asked.key in ("q01", "q07") or (asked.key == "q04" and asked.sampling.temperature == 0):
            return "hm"
        return rf"\boxed{{{CODES[int(asked.key[1:])]}}}"

    whole, counts = assigned(tmp_path / "whole", tiny_questions, ScriptedChat(say))
    assert whole["outcome"].value_counts().to_dict() == {"assigned": 10, "invalid": 2}
    heard = 0
    for lives in (5, 7, 1, 2):
        dying = ScriptedChat(say, lives)
        with pytest.raises(KeyboardInterrupt):
            assigned(tmp_path, tiny_questions, dying)
        heard += len(dying.heard)
    last = ScriptedChat(say)
    resumed, resumed_counts = assigned(tmp_path, tiny_questions, last)
    pd.testing.assert_frame_equal(resumed, whole)
    assert resumed_counts == counts and heard + len(last.heard) == counts["bill"]["answers"] == 12 + 3 + 2
    deaf = ScriptedChat(say, 0)
    pd.testing.assert_frame_equal(
        assigned(tmp_path, tiny_questions.iloc[::-1], deaf)[0].iloc[::-1].reset_index(drop=True), whole
    )


def test_the_prompt_shows_every_code_and_braces_stand_for_themselves(tmp_path, make_questions):
    questions = make_questions({"stem": "What does {codes} or {question} mean?", "options": ["{x}", "\\frac{1}{2}"]})
    chat = ScriptedChat(lambda asked: "DI")
    assigned(tmp_path, questions, chat)
    (asked,) = chat.heard
    assert all(f"\n{term.code} {term.name}: {term.note}\n" in asked.text for term in VOCABULARY.terms)
    assert "Question: What does {codes} or {question} mean?\nA. {x}\nB. \\frac{1}{2}\nName" in asked.text


def test_only_questions_with_a_verified_trace_are_asked_about(tiny_questions):
    traces = [
        pd.DataFrame({"question_id": ["q03", "q05", "q09"], "verified": [True, False, False]}),
        pd.DataFrame({"question_id": ["q09", "q01", "q99"], "verified": [True, True, True]}),
    ]
    assert list(to_assign(tiny_questions, traces)["question_id"]) == ["q01", "q03", "q09"]


def test_nothing_to_assign_is_an_empty_table(tmp_path, tiny_questions):
    table, counts = assigned(tmp_path, tiny_questions.head(0), ScriptedChat(lambda asked: "DI", 0))
    write_table(tmp_path / "domains.parquet", table, "domains")
    assert (
        len(read_table(tmp_path / "domains.parquet", "domains"))
        == counts["questions"]
        == counts["bill"]["answers"]
        == 0
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The real tiny model, with a chat template."""
    folder = build_model(tmp_path_factory.mktemp("model"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return folder


def test_a_real_model_through_the_script(tmp_path, folder, tiny_questions, monkeypatch):
    verified = tiny_questions["question_id"].isin(["q02", "q03", "q08"])
    traces = tiny_questions[["question_id"]].assign(
        teacher="t", reasoning="r", answer="a", parsed_index=0, outcome="verified", verified=verified
    )
    traces = traces.assign(prompt_tokens=1, completion_tokens=1, cost=0.0, hard=True, sampled=False)
    write_table(tmp_path / "pool.parquet", tiny_questions, "questions")
    write_table(tmp_path / "traces.parquet", traces, "traces")
    (tmp_path / "mine.tsv").write_text("code\tname\tnote\n" + "H\theart\t\nL\tlung\t\n")
    flags = {
        "--spec": '{"attempts": 2, "temperature": 0, "top_p": 1.0, "format": "direct", "max_tokens": 12}',
        "--questions": tmp_path / "pool.parquet",
        "--traces": tmp_path / "traces.parquet",
        "--vocabulary": tmp_path / "mine.tsv",
        "--prompts": '{"question": "{stem}", "domain": "{codes}\\n{question}\\nCode:"}',
        "--model": folder,
        "--formats": '{"direct": {}}',
        "--engine": '{"name": "transformers", "dtype": "float32", "max_model_len": 512, "batch_size": 8, "threads": 1}',
        "--seed": 0,
        "--journal": tmp_path / "journals" / "domains.jsonl",
        "--out": tmp_path / "domains.parquet",
        "--counts": tmp_path / "domains.report.json",
    }
    monkeypatch.setattr(sys, "argv", ["assign_domains.py", *(str(part) for pair in flags.items() for part in pair)])
    run(script.main)
    table = read_table(flags["--out"], "domains")
    assert list(table["question_id"]) == ["q02", "q03", "q08"] and table["outcome"].isin(["assigned", "invalid"]).all()
    counts = read_json(flags["--counts"])
    assert counts["assigned"] + counts["invalid"] == 3 and counts["bill"]["answers"] == table["attempts"].sum()
    assert 0 < counts["bill"]["completion_tokens"] <= 12 * counts["bill"]["answers"]
    assert counts["bill"]["billed"] is None

    journal = flags["--journal"].read_bytes()
    monkeypatch.setattr(local, "open_engine", lambda *_: pytest.fail("the second run opened the engine"))
    run(script.main)
    assert read_json(flags["--counts"]) == counts and flags["--journal"].read_bytes() == journal
    pd.testing.assert_frame_equal(read_table(flags["--out"], "domains"), table)
