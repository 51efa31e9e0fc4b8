"""The client of chat endpoints: what it sends, how far it goes, and what it never lets out."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.endpoint_chats import ask, chat
from helpers.fault_proxy import FaultProxy
from m1flow.chat.turns import UserTurn, sampling_for
from m1flow.endpoints.client import endpoint_identity
from m1flow.endpoints.ledger import Ledger
from m1flow.engines.interface import Sampling
from m1flow.errors import M1FlowError
from m1flow.files.fingerprints import fingerprint
from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings

ROOT = Path(__file__).parents[3]


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
            yield UserTurn(number, f"question {number}")

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
        assert next(iter(opened.turns((UserTurn(n, f"q{n}") for n in range(1000)), 50)))
        opened.close()
    assert len(proxy.account.requests) <= 48
    sums = ledger.totals()["all"]
    assert sums["wasted"]["unmetered"] == sums["unmetered"] <= 16


def test_a_time_limit_stops_cleanly(ledger):
    handed = []
    with FaultProxy(seconds=0.1) as proxy:
        turns = chat(proxy, ledger, stop_after_minutes=0.01).turns((UserTurn(n, f"q{n}") for n in range(100_000)), 50)
        with pytest.raises(M1FlowError, match=r"stop_after_minutes: 0.01 minutes are over; [\d,]+ questions"):
            handed.extend(turns)
    assert len(handed) == len(proxy.account.requests) > 0
    assert ledger.totals()["all"]["unmetered"] == 0


def test_requests_per_minute_are_kept(ledger):
    with FaultProxy() as proxy:
        ask(chat(proxy, ledger, requests_per_minute=600), [f"q{n}" for n in range(31)])
    times = [when for when, _, _ in proxy.account.requests]
    assert times[-1] - times[0] >= 1.8  # 30 tenths of a second, less the second that may be taken at once


@pytest.mark.parametrize("value", [None, "", "two words", "ключ", "a\nb"])
def test_a_key_that_can_not_be_one_is_named_and_not_shown(ledger, monkeypatch, value):
    monkeypatch.delenv("CANARY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("CANARY_KEY", value)
    with pytest.raises(M1FlowError, match=r"endpoints.local.key_variable: .*CANARY_KEY") as error:
        chat("http://127.0.0.1:1/v1", ledger, key_variable="CANARY_KEY")
    assert not value or value not in str(error.value)


# Identity, interruptions


def test_identity_is_what_decides_answers_and_not_where():
    spec = {"url": "http://a/v1", "model": "m", "requests_in_flight": 3, "key_variable": "K"}

    def identity(thinks=False, **changed):
        return endpoint_identity(read(EndpointSettings, spec | changed), thinks)

    elsewhere = {"url": "http://b/v1", "spending_cap": 1, "price": {"prompt": 1, "completion": 1}, "omit": []}
    assert identity() == identity(**elsewhere)
    for change in ({"model": "n"}, {"revision": "2"}, {"extra_body": {"min_p": 0.1}}, {"omit": ["seed"]}):
        assert identity() != identity(**change)
    assert identity(True) != identity(False)
    json.dumps(identity())


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
        for _ in chat(proxy, ledger).turns((UserTurn(n, f"q{n}") for n in range(1000)), 50):
            if handed_on == 100:
                ctrl_c()
            handed_on += 1
    sums = ledger.totals()["all"]
    assert 100 < handed_on == sums["responses"] - sums["wasted"]["responses"] < 200


def test_ctrl_c_at_the_last_turn_is_not_lost(ledger, ctrl_c):
    handed_on = 0
    with FaultProxy() as proxy, pytest.raises(KeyboardInterrupt):
        for _ in chat(proxy, ledger).turns((UserTurn(n, f"q{n}") for n in range(20)), 50):
            handed_on += 1
            if handed_on == 20:
                ctrl_c()
    assert handed_on == 20


def test_ctrl_c_pressed_twice_waits_for_nothing(ledger, ctrl_c):
    with FaultProxy() as proxy, contextlib.closing(chat(proxy, ledger)) as opened:
        for _ in opened.turns((UserTurn(n, f"q{n}") for n in range(1000)), 50):
            ctrl_c()
            with pytest.raises(KeyboardInterrupt):
                ctrl_c()
            break


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_journal_and_ledger_stay_whole(tmp_path, how):
    script = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it, and passes that on
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import UserTurn
from m1flow.endpoints.client import EndpointChat, endpoint_identity
from m1flow.files.journal import Journal
from m1flow.endpoints.ledger import Ledger
from m1flow.study.settings.endpoints import EndpointSettings
folder, url = sys.argv[1:]
spec = EndpointSettings(url=url, model="tiny", requests_in_flight=16)
with Ledger(folder + "/ledger") as ledger, Journal(folder + "/journal") as journal:
    def chat():
        return EndpointChat("local", spec, ledger=ledger, purpose="test", thinks=False)
    with JournalledChat(endpoint_identity(spec), chat, journal, 50) as journalled:
        journalled.ask((UserTurn(n, f"q{n}") for n in range(100_000)), "test", 100_000)
"""
    with FaultProxy(seconds=0.02) as proxy:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), proxy.url], env=environment, stderr=subprocess.PIPE, text=True
        )
        while sum(proxy.account.delivered.values()) < 200:
            assert process.poll() is None, process.stderr.read()
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


def test_fingerprints_are_those_of_earlier_versions():
    """They are the keys of journals: were they others, all answers would be asked for anew."""
    whole = {"url": "https://far.org/v1", "model": "m", "revision": "2", "omit": ["top_p", "seed"]}
    whole |= {"extra_body": {"reasoning_effort": "high"}, "price": {"prompt": 1, "completion": 2.5}}
    plain = {"url": "http://x/v1", "model": "m"}
    assert fingerprint(endpoint_identity(read(EndpointSettings, whole), True)) == "8ba933b255d1bf09e2410ea8d6820c16"
    assert fingerprint(endpoint_identity(read(EndpointSettings, plain), True)) == "4d01a4044b6120f3025eee1f684fba8a"
    drawn = sampling_for(read(SolverSettings, {"temperature": 1.0, "attempts": 2}), 0, "q", 1)
    assert json.dumps([drawn.temperature, drawn.top_p, drawn.seed]) == "[1.0, 1, 1385971313]"
