"""Domains: what counts as naming a code, what is asked again, and that nothing is asked twice."""

from __future__ import annotations

import sys
from pathlib import Path

import assign_domains as script
import pandas as pd
import pytest
from engine_models import build_model
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedChat

from m1flow import chat_flags
from m1flow.chat import JournalledChat, Turn
from m1flow.domains import ASK_AGAIN, assign_domains, parse_code, to_assign
from m1flow.errors import M1FlowError
from m1flow.journal import Journal
from m1flow.script import run
from m1flow.storage import CONTRACTS, read_json, read_table, write_table
from m1flow.tokenizers import CHAT_TEMPLATE
from m1flow.vocabulary import read_vocabulary

MESH = Path(__file__).resolve().parents[2] / "config" / "mesh_qualifiers.tsv"
VOCABULARY = read_vocabulary(MESH)
CODES = [term.code for term in VOCABULARY.terms]
PROMPTS = {"question": "{stem}\n{options}", "domain": "Subjects:\n{codes}\nQuestion: {question}\nName a code."}
SPEC = {"attempts": 3, "temperature": 0, "top_p": 1.0}
HEADER = "code\tname\tnote\n"


def test_mesh_has_76_qualifiers():
    assert len(VOCABULARY.terms) == len(set(CODES)) == len(set(VOCABULARY.names.values())) == 76
    assert all(len(code) == 2 and code.isalpha() and code.isupper() for code in CODES)
    assert all(term.note and len(term.note) < 120 for term in VOCABULARY.terms)
    assert len({term.note for term in VOCABULARY.terms}) == 76


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such vocabulary"),
        ("", "no column 'code'"),
        ("code\tname\nA\tone\n", "no column 'note'"),
        (HEADER, "0 terms"),
        (HEADER + "A\tone\tx\n", "1 terms"),
        (HEADER + "A\tone\nB\ttwo\ty\n", "line 2 has 2 cells, the header 3"),
        (HEADER + "A\tone\tx\n\n# said\nB\t \ty\n", "line 5: name '' has no letter or digit"),
        (HEADER + "--\tone\tx\nB\ttwo\ty\n", "line 2: code '--' has no letter or digit"),
        (HEADER + "A\tone\tx\nA\ttwo\ty\n", "line 3: code 'A' reads like line 2"),
        (HEADER + "A\tone\tx\na.\ttwo\ty\n", "line 3: code 'a.' reads like line 2"),
        (HEADER + "A\tone & two\tx\nB\tOne and Two\ty\n", "line 3: name 'One and Two' reads like line 2"),
        (HEADER + "A\tone\tx\nB\ta\ty\n", "line 3: name 'a' reads like line 2"),
    ],
)
def test_a_vocabulary_that_could_confuse_is_refused_in_one_line(tmp_path, text, problem):
    path = tmp_path / "mine.tsv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(M1FlowError) as error:
        read_vocabulary(path)
    assert problem in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_vocabulary_of_ones_own(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_bytes(
        "\ufeff# ours\r\nnote\tname\towner\tcode\r\n\tHeart\tme\theart\r\n{x}\tlungs\tyou\t03\r\n".encode()
    )
    vocabulary = read_vocabulary(path)
    assert vocabulary.listing == "heart Heart\n03 lungs: {x}"
    said = {"03": "03", "3": None, "HEART": "heart", r"\boxed{03: Lungs}": "03", r"\boxed{03 Heart}": None}
    assert {answer: parse_code(answer, vocabulary) for answer in said} == said


def test_a_spelling_that_two_terms_share_names_neither(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(HEADER + "A\tB C\t\nA B\tC\t\n")
    vocabulary = read_vocabulary(path)
    assert vocabulary.read("A B C") is None and vocabulary.read("A") == "A" and vocabulary.read("c") == "A B"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (r"\boxed{DI}", "DI"),
        (r"It is about tests.\n\n\boxed{di}", "DI"),
        (r"**\boxed{\text{DI: diagnosis}}**.", "DI"),
        (r"$\boxed{\mathrm{DI}}$", "DI"),
        (r"\(\boxed{(DI) Diagnosis}\)", "DI"),
        (r"\boxed{administration \& dosage}", "AD"),
        (r"\boxed{Administration and Dosage [AD]}", "AD"),
        (r"\boxed{DI}, that is \boxed{diagnosis}", "DI"),
        (r"\boxed{} \boxed{DI}", "DI"),
        ("Maybe\n- TH\n- DI\nso \\boxed{DI}", "DI"),
        ("Code: DI", "DI"),
        ("**Final code:** `DI`", "DI"),
        ("## Answer:\n\nDI", "DI"),
        ("Code: diagnosis (DI)\nThat is all.", "DI"),
        ("Code: to", "TO"),
        ("The question asks for a test.\n\nDI", "DI"),
        ("**DI**", "DI"),
        ("Diagnosis.", "DI"),
        ("blood supply", "BS"),
        (str(VOCABULARY.terms[20]), "DI"),
        # Two codes, or a code and a name that don't agree.
        (r"\boxed{DI} or \boxed{TH}", None),
        (r"\boxed{DI, TH}", None),
        (r"\boxed{DI/TH}", None),
        (r"\boxed{DI therapy}", None),
        (r"\boxed{DI} (therapy)" + "\nCode: TH", None),
        ("Code: DI\nCode: TH", None),
        ("Code: DI or TH", None),
        ("DI\nTH", None),
        ("Diagnosis\nbecause it asks for tests\nTH", None),
        (VOCABULARY.listing, None),
        # No code, or not plainly.
        ("", None),
        (r"\boxed{}", None),
        (r"\boxed{XX}", None),
        (r"\boxed{code}", None),
        (r"\boxed{DI?}", None),
        (r"\boxed{DI or so}", None),
        (r"\boxed{not DI}", None),
        (r"\boxed{D I}", None),
        (r"\boxed{D}I", None),
        (r"\boxed{DI", None),
        (r"\boxed{DI} and \boxed{", None),
        (r"\boxed{XX} DI", None),
        ("Code: see below", None),
        ("postcode: DI", None),
        ("The code is DI.", None),
        ("DI because of the tests", None),
        ("It is DI", None),
        ("DI\nI hope that this helps.", None),
        ("di", None),
        ("In", None),
        ("me", None),
        ("I'm sorry, but I can't help with that.", None),
        ("\uff24\uff29", None),
    ],
)
def test_only_what_plainly_names_one_code_is_read(answer, code):
    assert parse_code(answer, VOCABULARY) == code


PIECES = st.one_of(
    st.sampled_from(CODES),
    st.sampled_from([code.lower() for code in CODES]),
    st.sampled_from(list(VOCABULARY.names.values())),
    st.sampled_from(
        ["\\boxed{", "}", "\n", " ", "Code:", "Answer:", "**", ": ", " or ", "\\text{", "(", ")", "$", "- "]
    ),
    st.text(max_size=4),
)


@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_code_that_is_read_was_written(answer):
    code = parse_code(answer, VOCABULARY)
    if code is not None:
        seen = " ".join(answer.replace("\\text{", "").casefold().split())
        assert code.casefold() in seen or VOCABULARY.names[code].replace("&", "") in seen.replace("&", "")


@given(st.sampled_from(CODES), st.sampled_from(CODES), st.text(max_size=20), st.booleans())
def test_a_second_code_takes_the_first_ones_word_away(one, other, between, boxed):
    first = rf"\boxed{{{one}}}" if boxed else f"Code: {one}"
    between = "".join(sign for sign in between if sign not in "\\:")
    answer = f"{first}\n{between}\n\\boxed{{{VOCABULARY.names[other]}}}"
    assert parse_code(answer, VOCABULARY) in ({one} if one == other else {None})


def assigned(tmp_path, questions, chat, spec=SPEC, seed=0):
    with Journal(tmp_path / "domains.jsonl") as journal:
        journalled = JournalledChat(chat.identity, lambda: chat, journal, 50)
        return assign_domains(questions, journalled, spec, PROMPTS, VOCABULARY, seed=seed)


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
        (Turn("", r"\boxed{DI}", 5, 5, True, refused=True), "refused"),
        (Turn("so", r"\boxed{DI} or", 5, 50, False), "truncated"),
        (Turn(r"\boxed{DI}", "", 5, 50, False), "truncated"),
        (Turn(r"\boxed{DI}", " \n", 5, 5, True), "empty"),
        (Turn(r"\boxed{DI}", "Surely.", 5, 5, True), "unparsed"),
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
    (tmp_path / "mine.tsv").write_text(HEADER + "H\theart\t\nL\tlung\t\n")
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
    monkeypatch.setattr(chat_flags, "open_engine", lambda *_: pytest.fail("the second run opened the engine"))
    run(script.main)
    assert read_json(flags["--counts"]) == counts and flags["--journal"].read_bytes() == journal
    pd.testing.assert_frame_equal(read_table(flags["--out"], "domains"), table)
