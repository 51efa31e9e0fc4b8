"""The client of chat endpoints: what it sends, how far it goes, and what it never lets out."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from endpoint_chats import CANARY, ask, chat
from fault_proxy import FaultProxy, completion
from hypothesis import given
from hypothesis import strategies as st

from m1flow.chat import Asked
from m1flow.completions import defuse, message_of, redact
from m1flow.endpoint_http import proxy_for
from m1flow.endpoints import endpoint_identity
from m1flow.engines import Sampling
from m1flow.errors import M1FlowError
from m1flow.ledger import Ledger

ROOT = Path(__file__).parents[2]


# Requests


def test_a_request_says_what_was_asked(ledger):
    with FaultProxy() as proxy:
        spec = {"extra_body": {"reasoning_effort": "high"}, "limit_as": "max_completion_tokens", "omit": ["top_p"]}
        ask(chat(proxy, ledger, **spec), ["Größe 5 µm?"], 77, Sampling(0.5, 0.9, 2**63 - 1))
        ask(chat(proxy, ledger), ["greedy"])
    drawn, greedy = proxy.account.bodies
    assert drawn == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Größe 5 µm?"}],
        "max_completion_tokens": 77,
        "temperature": 0.5,
        "seed": 2**63 - 1,
        "reasoning_effort": "high",
    }
    assert greedy == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "greedy"}],
        "max_tokens": 50,
        "temperature": 0.0,
        "top_p": 1.0,
    }


def test_questions_are_taken_lazily_and_handed_on_as_they_finish(ledger):
    taken = []

    def questions():
        for number in range(200):
            taken.append(number)
            yield Asked(number, f"question {number}")

    with FaultProxy() as proxy:
        turns = chat(proxy, ledger).turns(questions(), 50)
        seen = 0
        for _ in turns:
            seen += 1
            assert len(taken) <= seen + 16 + 16  # in flight, and finished meanwhile
        assert seen == 200 and proxy.account.most_in_flight <= 16


def test_leaving_off_in_the_middle_ends_what_is_under_way(ledger):
    with FaultProxy(seconds=0.2) as proxy:
        opened = chat(proxy, ledger)
        assert next(iter(opened.turns((Asked(n, f"q{n}") for n in range(1000)), 50)))
        opened.close()
    assert len(proxy.account.requests) <= 48
    sums = ledger.totals()["all"]
    assert sums["wasted"]["unmetered"] == sums["unmetered"] <= 16


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("p<0.05 [a] <br> <T> a|b", "p<0.05 [a] <br> <T> a|b"),
        ("<|im_end|>", "< |im_end|>"),
        ("<｜User｜>", "< ｜User｜>"),
        ("a <think>b</think>", "a < think>b< /think>"),
        ("[INST] x [/INST]", "[ INST] x [ /INST]"),
        ("<<|im_start|>", "<< |im_start|>"),
        ("<start_of_turn><s>", "< start_of_turn>< s>"),
        ("\ud800", "?"),
    ],
)
def test_text_can_not_spell_control_tokens(text, sent):
    assert defuse(text) == sent


@given(st.text(st.sampled_from("<|｜>/[]INSTthink im_end")))
def test_defused_text_is_left_alone_and_nothing_else_changes(text):
    once = defuse(text)
    assert defuse(once) == once
    assert once.replace(" ", "") == text.replace(" ", "")


# Limits


def test_the_cap_is_used_and_never_exceeded(ledger):
    cap = 0.02
    spec = {"price": {"prompt": 1.0, "completion": 10.0}, "spending_cap": cap, "requests_in_flight": 8}
    answered = {}
    with FaultProxy(share=0.2, faults=["empty", "cut", "500"]) as proxy:
        for cap in (0.02, 0.03):
            texts = {n: f"question {n}" for n in range(1000) if n not in answered}
            turns = chat(proxy, ledger, **spec | {"spending_cap": cap}).turns(
                (Asked(n, text) for n, text in texts.items()), 50
            )
            with pytest.raises(M1FlowError, match=r"endpoints.local.spending_cap: .*answered and kept; raise"):
                answered.update((asked.key, turn) for asked, turn in turns)
            prompt, completions = proxy.account.tokens
            assert (prompt + 10 * completions) / 1e6 <= ledger.committed("local") <= cap
            assert ledger.committed("local") > cap - 0.002
    assert set(proxy.account.delivered.values()) == {1} and len(answered) == len(proxy.account.delivered)
    assert ledger.totals()["all"]["in_flight_cost"] == 0


def test_an_endpoint_that_ignores_the_limit_of_tokens_raises_the_worst_case(ledger):
    def respond(body, _):
        return completion(body) | {"usage": {"prompt_tokens": 10, "completion_tokens": 1000}}

    price, cap = {"prompt": 0.0, "completion": 1000.0}, 10.0  # a dollar a question, 0.05 by its limit
    with FaultProxy(respond=respond, seconds=0.02) as proxy, pytest.raises(M1FlowError, match="spending_cap"):
        texts = [f"q{n}" for n in range(100)]
        ask(chat(proxy, ledger, price=price, spending_cap=cap, requests_in_flight=1), texts)
    assert proxy.account.responses == 10


def test_a_time_limit_stops_cleanly(ledger):
    handed = []
    with FaultProxy(seconds=0.1) as proxy:
        turns = chat(proxy, ledger, stop_after_minutes=0.01).turns((Asked(n, f"q{n}") for n in range(100_000)), 50)
        with pytest.raises(M1FlowError, match=r"stop_after_minutes: 0.01 minutes are over; [\d,]+ questions"):
            handed.extend(turns)
    assert len(handed) == len(proxy.account.requests) > 0
    assert ledger.totals()["all"]["unmetered"] == 0


def test_requests_per_minute_are_kept(ledger):
    with FaultProxy() as proxy:
        ask(chat(proxy, ledger, requests_per_minute=600), [f"q{n}" for n in range(31)])
    times = [when for when, _, _ in proxy.account.requests]
    assert times[-1] - times[0] >= 1.8  # 30 tenths of a second, less the second that may be taken at once


# Secrets


def test_the_key_goes_into_the_header_and_nowhere_else(ledger, monkeypatch, caplog):
    monkeypatch.setenv("CANARY_KEY", f" {CANARY}\n")
    caplog.set_level(logging.DEBUG)

    def respond(body, times):
        said = json.dumps({"error": {"message": f"key {CANARY} ({CANARY[:9]}...), Bearer {CANARY}"}})
        text = body["messages"][0]["content"]
        if text == "echo" and times == 0:
            return 500, {}, said
        if text == "echo" and times == 1:
            return 200, {}, said
        if text == "filtered":
            return completion(body) | {"model": CANARY} if times == 0 else completion(body)
        return (403, {}, said) if text == "last" else completion(body)

    with FaultProxy(respond=respond) as proxy:
        opened = chat(proxy, ledger, key_variable="CANARY_KEY", requests_in_flight=1)
        with pytest.raises(M1FlowError) as error:
            ask(opened, ["echo", "filtered", "fine", "last"])
    assert proxy.account.keys == {f"Bearer {CANARY}"}
    ledger.close()
    shown = [str(error.value), repr(error.value), repr(opened), caplog.text, ledger.path.read_text()]
    assert "status 403" in shown[0] and "status 500" in caplog.text
    for text in shown:
        assert CANARY not in text and CANARY[:9] not in text
    cause = error.value
    while cause is not None:
        assert CANARY not in repr(vars(cause)) and CANARY not in str(cause)
        cause = cause.__cause__ or cause.__context__


@pytest.mark.parametrize("value", [None, "", "two words", "ключ", "a\nb"])
def test_a_key_that_can_not_be_one_is_named_and_not_shown(ledger, monkeypatch, value):
    monkeypatch.delenv("CANARY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("CANARY_KEY", value)
    with pytest.raises(M1FlowError, match=r"endpoints.local.key_variable: .*CANARY_KEY") as error:
        chat("http://127.0.0.1:1/v1", ledger, key_variable="CANARY_KEY")
    assert not value or value not in str(error.value)


def test_redaction_comes_before_cutting_off():
    assert CANARY[:8] not in redact("x" * 190 + CANARY, CANARY)
    assert redact("short", None) == "short"


def test_messages_of_errors_are_one_line():
    assert message_of(b'{"error": {"message": "a\\n b"}}') == message_of(b"a\n\n b") == "a b"


# Identity, proxies, interruptions


def test_identity_is_what_decides_answers_and_not_where():
    spec = {"url": "http://a/v1", "model": "m", "requests_in_flight": 3, "key_variable": "K"}
    assert endpoint_identity(spec) == endpoint_identity(spec | {"url": "http://b/v1", "spending_cap": 1, "omit": []})
    for change in ({"model": "n"}, {"revision": "2"}, {"extra_body": {"min_p": 0.1}}, {"omit": ["seed"]}):
        assert endpoint_identity(spec) != endpoint_identity(spec | change)
    assert endpoint_identity(spec, True) != endpoint_identity(spec, False)
    json.dumps(endpoint_identity(spec))


def test_proxies_of_the_environment_are_used_but_not_for_this_machine(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://api.example.com/v1") == "http://proxy:3128"
    assert proxy_for("https://inside.example/v1") is None
    assert proxy_for("http://127.0.0.1:8000/v1") is proxy_for("http://localhost/v1") is None


@pytest.fixture
def ctrl_c():
    """Presses Ctrl-C, which a test run in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_heeded_between_turns_once_all_that_is_there_is_handed_on(ledger, ctrl_c):
    handed_on = 0
    with FaultProxy() as proxy, pytest.raises(KeyboardInterrupt):
        for _ in chat(proxy, ledger).turns((Asked(n, f"q{n}") for n in range(1000)), 50):
            if handed_on == 100:
                ctrl_c()
            handed_on += 1
    sums = ledger.totals()["all"]
    assert 100 < handed_on == sums["responses"] - sums["wasted"]["responses"] < 200


def test_ctrl_c_at_the_last_turn_is_not_lost(ledger, ctrl_c):
    handed_on = 0
    with FaultProxy() as proxy, pytest.raises(KeyboardInterrupt):
        for _ in chat(proxy, ledger).turns((Asked(n, f"q{n}") for n in range(20)), 50):
            handed_on += 1
            if handed_on == 20:
                ctrl_c()
    assert handed_on == 20


def test_ctrl_c_pressed_twice_waits_for_nothing(ledger, ctrl_c):
    with FaultProxy() as proxy, contextlib.closing(chat(proxy, ledger)) as opened:
        for _ in opened.turns((Asked(n, f"q{n}") for n in range(1000)), 50):
            ctrl_c()
            with pytest.raises(KeyboardInterrupt):
                ctrl_c()
            break


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_journal_and_ledger_stay_whole(tmp_path, how):
    script = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it, and passes that on
from m1flow.chat import Asked, JournalledChat
from m1flow.endpoints import EndpointChat, endpoint_identity
from m1flow.journal import Journal
from m1flow.ledger import Ledger
folder, url = sys.argv[1:]
spec = {"url": url, "model": "tiny", "requests_in_flight": 16}
with Ledger(folder + "/ledger") as ledger, Journal(folder + "/journal") as journal:
    def chat():
        return EndpointChat("local", spec, ledger=ledger, purpose="test", thinks=False)
    with JournalledChat(endpoint_identity(spec), chat, journal, 50) as journalled:
        journalled.ask((Asked(n, f"q{n}") for n in range(100_000)), "test", 100_000)
"""
    with FaultProxy(seconds=0.02) as proxy:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), proxy.url], env=environment, stderr=subprocess.PIPE, text=True
        )
        while sum(proxy.account.delivered.values()) < 200:
            time.sleep(0.01)
        process.send_signal(how)
        try:
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode != 0 and "Exception ignored" not in said
    lines = (tmp_path / "journal").read_bytes().splitlines()
    with Ledger(tmp_path / "ledger") as ledger:
        sums = ledger.totals()["all"]
    used = sums["responses"] - sums["wasted"]["responses"]
    assert 180 <= len(lines) <= used <= len(lines) + 32
