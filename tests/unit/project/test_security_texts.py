"""Hostile texts through every stage, by the library's own functions: they stay text, and nothing chokes on them."""

from __future__ import annotations

import csv
import json
import logging
import runpy
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from helpers import synthetic_study
from helpers.hostile_texts import HOSTILE, SHORT, TEXTS
from helpers.scripted import ScriptedEngine
from helpers.sweep_reference import M1, THINK
from m1flow import script
from m1flow.answers.outcomes import UNPARSED
from m1flow.answers.scorer import Answer, Scorer
from m1flow.answers.scoring import score
from m1flow.answers.strict import parse_answer
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.local import LocalChat
from m1flow.errors import M1FlowError
from m1flow.files import csv_tables
from m1flow.files.column_kinds import Kind
from m1flow.files.contracts import CONTRACTS
from m1flow.files.journal import Journal
from m1flow.files.json import read_json, write_json
from m1flow.files.parquet import iterate_table, read_provenance, read_table, write_rows, write_table
from m1flow.files.provenance import provenance
from m1flow.models.formats import Formatter
from m1flow.pool.building import build_pool
from m1flow.questions.prompts import prompt_text
from m1flow.questions.sources import load
from m1flow.respondents.model import ModelRespondent
from m1flow.study.seams.scorers import SCORERS
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.pool import PoolSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.solvers import SolverSettings
from m1flow.sweep.plan import Item, SweepPlan
from m1flow.sweep.run import run_sweep
from m1flow.text.normalising import normalise
from m1flow.text.shown import visible
from m1flow.traces.attempts import attempt_rows
from m1flow.traces.examples import example_rows
from m1flow.traces.teaching import trace_rows
from m1flow.training.tokenizer import train_tokenizer

FORMATS = {"m1": M1, "think": THINK, "direct": {}}
PROMPTS = {
    "question": "{context}\n{stem}\n{options}",
    **dict.fromkeys(("solve", "teach", "train", "evaluate"), "Question: {question}\nBox it."),
}
ORDINARY = ["aspirin", "heparin", "insulin", "digoxin"]
ROOM = 3_000_000

every = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SHORT else pytest.mark.slow) for name in HOSTILE]
)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["the patient takes a dose long", "think long answer Answer: Final", "Severity 4?"], 330)


@pytest.fixture(scope="module", params=FORMATS)
def formatter(request, tokenizer):
    return Formatter(tokenizer, request.param, FormatSettings(**FORMATS[request.param]))


@pytest.fixture(scope="module")
def m1(tokenizer):
    return Formatter(tokenizer, "m1", FormatSettings(**M1))


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> pd.DataFrame:
    """Every text as context, stem, option, id and domain of a question: read from a file, made a pool, stored."""
    folder = tmp_path_factory.mktemp("pool")
    rows = [
        {"ctx": text, "q": f"{text} Severity {n}?", "o": ["aspirin", f"{text}.", "insulin"], "a": 0, "id": text[:99]}
        | {"d": text[:99]}
        for n, text in enumerate(TEXTS)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = {"question": "q", "options": "o", "answer": "a", "context": "ctx", "id": "id", "domain": "d"}
    questions, report = load(
        "s", read(QuestionSetSettings, {"adapter": "records", "path": str(folder / "rows.jsonl"), "fields": fields}), 0
    )
    assert report["kept"] == len(TEXTS), report
    exam, _ = load(
        "e",
        read(
            QuestionSetSettings,
            {"adapter": "records", "path": str(folder / "rows.jsonl"), "fields": fields, "limit": 9},
        ),
        0,
    )
    exam = exam.assign(question_id=exam["question_id"] + "-e", context="", options=[ORDINARY] * len(exam))
    exam["stem"] = "How is a rash of the left elbow treated? " + exam["stem"].str[::-1]
    kept, _, counts = build_pool([questions], [exam], read(PoolSettings, {"similarity": 95, "planted": 2}))
    write_table(folder / "pool.parquet", kept, "questions", provenance=provenance({"texts": list(SHORT)}, []))
    assert counts["total"]["kept"] == len(TEXTS), counts
    return read_table(folder / "pool.parquet", "questions").set_index("origin_id", drop=False)


def of(pool: pd.DataFrame, name: str) -> dict:
    """The question made of a text."""
    place = list(HOSTILE).index(name)
    return next(row for row in pool.to_dict("records") if row["stem"].endswith(f"Severity {place}?"))


def control_tokens(formatter: Formatter, ids) -> list[int]:
    control = set(formatter._tokenizer.get_added_vocab().values())
    return [token for token in ids if token in control]


class Saying(ScriptedEngine):
    """A model that says one text, whatever it is asked."""

    def __init__(self, formatter: Formatter, text: str):
        super().__init__(formatter, lambda *_: text)


# Sources and pool


@every
def test_a_question_carries_no_control_characters_and_keeps_its_words(pool, name):
    row = of(pool, name)
    for text in (row["context"], row["stem"], row["origin_id"], row["domain"] or "", *row["options"]):
        assert text == normalise(text)
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in text.replace("\n", ""))
    assert normalise(HOSTILE[name]) in row["stem"]


# Prompts and tokens


@every
def test_a_question_is_a_part_of_its_prompt_and_no_template(pool, name):
    row = of(pool, name)
    turn = prompt_text(row, PROMPTS, "evaluate")
    assert turn.startswith("Question: ") and turn.endswith("\nBox it.") and row["stem"] in turn
    assert all(option in turn for option in row["options"])


@every
def test_no_text_forms_a_control_token(pool, formatter, name):
    turn = prompt_text(of(pool, name), PROMPTS, "evaluate")
    plain = control_tokens(formatter, formatter.prompt("ordinary"))
    assert control_tokens(formatter, formatter.prompt(turn)) == plain
    assert control_tokens(formatter, formatter.encode(HOSTILE[name])) == []


@pytest.mark.parametrize("name", SHORT)
def test_nor_in_a_training_example(formatter, name):
    ordinary = formatter.example("question", "reasoning", "answer")
    example = formatter.example(SHORT[name], SHORT[name], SHORT[name])
    assert control_tokens(formatter, example.input_ids) == control_tokens(formatter, ordinary.input_ids)


# Journal, parsing, traces, examples


@every
@pytest.mark.parametrize("scorer", SCORERS.names())
def test_a_text_states_no_answer_to_an_ordinary_question(name, scorer):
    parsed = parse_answer(HOSTILE[name], ORDINARY)
    assert parsed.index is None and parsed.outcome in (UNPARSED, "truncated", "empty")
    answer = Answer(text=HOSTILE[name], options=ORDINARY, right=0)
    SCORERS.load(scorer, Scorer).read(answer)  # the paper's guesses: it only has to come back


@every
def test_what_a_teacher_says_comes_back_from_the_journal_as_said(tmp_path, m1, pool, name, make_questions):
    text = HOSTILE[name] or "x"
    questions = make_questions({"question_id": "hostile", "stem": of(pool, name)["stem"], "options": ORDINARY}).assign(
        hard=True, sampled=False
    )

    def ask(engine, rows):
        with Journal(tmp_path / "j.jsonl") as journal:
            chat = JournalledChat("m", lambda: LocalChat(m1, lambda: engine, "m"), journal, ROOM)
            respondent = ModelRespondent(
                "m", chat, read(SolverSettings, {}), PROMPTS, purpose="teach", thinks=True, seed=0
            )
            return list(rows(respondent, questions))

    (first,) = ask(Saying(m1, text), trace_rows)
    silent = Saying(m1, "other")
    (again,) = ask(silent, trace_rows)
    assert again == first and not silent.requests, "the journal has it all"
    assert first["outcome"] != "verified" and first["answer"] == m1.decode(m1.encode(text)).strip()
    for line in (tmp_path / "j.jsonl").read_bytes().splitlines():
        json.loads(line)
    write_rows(tmp_path / "traces.parquet", [first], "traces")
    (stored,) = iterate_table(tmp_path / "traces.parquet", "traces")
    assert stored["answer"] == first["answer"] and stored["reasoning"] == first["reasoning"]
    examples = list(example_rows([{**stored, "verified": True}], questions, PROMPTS, m1))
    ordinary = m1.example("q", "r", "a")
    assert control_tokens(m1, examples[0]["input_ids"]) == control_tokens(m1, ordinary.input_ids)
    write_rows(tmp_path / "examples.parquet", examples, "examples")
    (kept,) = iterate_table(tmp_path / "examples.parquet", "examples")
    assert kept["input_ids"] == examples[0]["input_ids"] and kept["text"] == examples[0]["text"]


@every
def test_what_a_solver_says_is_an_attempt(tmp_path, tokenizer, name, make_questions):
    direct = Formatter(tokenizer, "direct", FormatSettings())
    questions = make_questions({"options": ORDINARY})
    with Journal(tmp_path / "j.jsonl") as journal:
        chat = JournalledChat("m", lambda: LocalChat(direct, lambda: Saying(direct, HOSTILE[name]), "m"), journal, ROOM)
        solver = ModelRespondent("m", chat, read(SolverSettings, {}), PROMPTS, purpose="solve", thinks=False, seed=0)
        (row,) = attempt_rows(solver, questions)
    assert not row["correct"] and row["parsed_index"] is None


# Sweeps and scores


@every
def test_a_sweep_of_it_is_scored(tmp_path, m1, pool, name):
    row = of(pool, name)
    item = Item(row["question_id"], prompt_text(row, PROMPTS, "evaluate"), tuple(row["options"]), (0, 1, 2))
    plan = SweepPlan(budgets=(0, 7, 50), extension_counts=(0, 1), extension_budgets=(60,), answer_tokens=ROOM)
    rows = pd.DataFrame(run_sweep([item], m1, Saying(m1, HOSTILE[name]), plan, seed=0))
    assert (rows["thinking_tokens"] <= rows["budget"]).all()
    columns = CONTRACTS["generations"].names
    write_table(tmp_path / "g.parquet", rows[columns].assign(answer_logprob=0.0), "generations")
    benchmark = pd.DataFrame([row]).assign(options=[ORDINARY[:3]])
    scored = score(read_table(tmp_path / "g.parquet", "generations"), benchmark, "strict")
    assert not scored["correct"].any() and scored["parsed_index"].isna().all()
    write_table(tmp_path / "s.parquet", scored, "sweeps")
    assert (read_table(tmp_path / "s.parquet", "sweeps")["answer_text"] == scored["answer_text"]).all()


# Tables and page


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    texts = [text.encode("utf-8", "replace").decode() for text in SHORT.values()]
    table = pd.DataFrame({"model": texts, "label": texts[::-1], "n": range(len(texts)), "accuracy": -0.5})
    columns = {"model": Kind.TEXT, "label": Kind.TEXT, "n": Kind.COUNT, "accuracy": Kind.SHARE}
    csv_tables.write_csv(tmp_path / "t.csv", table, columns)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, text in zip(rows, texts, strict=True):
        assert row["model"][:1] not in tuple("=+-@\t\r") and row["model"].removeprefix("'") == visible(
            text
        ).removeprefix("'")
        assert row["accuracy"] == "-0.500000", "a number below 0 stays one"


def test_ordinary_cells_stay_as_they_are(tmp_path):
    plain = pd.DataFrame({"model": ["m1-7B", "a=b", "-5", "+0.5", "", None, "'quoted"], "p": 0.01234567})
    columns = {"model": Kind.TEXT, "p": Kind.P}
    csv_tables.write_csv(tmp_path / "t.csv", plain, columns)
    assert (
        csv_tables.read_csv(tmp_path / "t.csv", columns)["model"].fillna("").tolist()
        == plain["model"].fillna("").tolist()
    )


class Tags(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.seen: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


@pytest.mark.slow
def test_the_page_shows_every_text_as_text(tmp_path, monkeypatch):
    def page(folder: Path, text: str) -> str:
        monkeypatch.setattr(synthetic_study, "HOSTILE", text)
        made = synthetic_study.make_study(folder, questions=6, hostile=True, models=("tiny", "full_40"))
        flags = ["--study-config", json.dumps({"description": text}), "--tables", str(folder / "tables/accuracy.csv")]
        flags += ["--sweeps", *map(str, made.sweeps), "--benchmarks", *map(str, made.benchmarks)]
        for name, given in (
            ("make_table", made.table_flags("accuracy")),
            ("render_report", [*flags, "--out", str(folder / "i.html")]),
        ):
            monkeypatch.setattr(sys, "argv", [name, *given])
            runpy.run_path(str(Path(script.__file__).parents[1] / f"{name}.py"))["main"]()
        return (folder / "i.html").read_text(encoding="utf-8")

    # A short piece of each, since a page shows the beginning of long texts only.
    said = " ".join(text[:99] for text in SHORT.values()).encode("utf-8", "replace").decode()
    plain, hostile = page(tmp_path / "plain", "plain "), page(tmp_path / "hostile", f"{said} ")
    expected, seen = ([tag for tag, _ in Tags(html).seen] for html in (plain, hostile))
    for tag in ("script", "style", "svg", "img", "iframe", "a", "title", "link", "meta", "input"):
        assert seen.count(tag) == expected.count(tag), tag
    assert not any(key.startswith("on") for _, attributes in Tags(hostile).seen for key in attributes)
    assert not set("\u202e\u2066\x1b\x00\x07\u200b") & set(hostile)
    assert "window.hostile=1" in hostile and "{{ 7*7 }}" in hostile, "shown, and not left out"


# Messages, logs, provenance


@every
def test_an_error_is_one_line_that_steers_no_terminal(name):
    message = str(M1FlowError(f"file: {HOSTILE[name]}: cure"))
    assert len(message.splitlines()) == 1
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in message)


@every
def test_a_log_line_steers_no_terminal(name):
    record = logging.LogRecord("x", logging.INFO, "x", 0, "%s", (HOSTILE[name],), None)
    said = script._Visible("%(message)s").format(record)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in said.replace("\n", "").replace("\t", ""))


@pytest.mark.parametrize("name", SHORT)
def test_settings_come_back_from_provenance_and_json(tmp_path, name):
    text = SHORT[name].encode("utf-8", "replace").decode()
    write_json(tmp_path / "x.json", {text: text})
    assert read_json(tmp_path / "x.json") == {text: text}
    table = pd.DataFrame({"question_id": ["a"], "attempts": 1, "correct": 0, "pass_rate": 0.0, "hard": True})
    write_table(tmp_path / "d.parquet", table, "difficulty", provenance={"parameters": {"prompt": text}})
    assert read_provenance(tmp_path / "d.parquet")["parameters"]["prompt"] == text
