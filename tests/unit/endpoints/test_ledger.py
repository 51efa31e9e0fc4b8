"""The ledger adds up to the token, over processes and kills, and sets aside no more than the cap."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from m1flow.endpoints.ledger import Account, Ledger, Price, Usage
from m1flow.study.settings.endpoints import PriceSettings
from m1flow.study.settings.problems import read

LIBRARY = Path(__file__).parents[3] / "workflow" / "scripts"
TEACHING, SOLVING = Account("r1", "traces/r1", "a"), Account("r1", "attempts/r1", "a")
ELSEWHERE = Account("qwen", "attempts/qwen", "b")
SPENDER = """
import sys
from m1flow.endpoints.ledger import Account, Ledger, Usage
path, name, count, cap = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
account = Account("r1", name, "a")
with Ledger(path) as ledger:
    for number in range(count):
        if not ledger.reserve(account, 0.01, cap):
            break
        print(number, flush=True)
        ledger.enter(account, Usage(10, 4, number), 0.007, response_id=str(number))
        ledger.release(account, 0.01)
"""


def spend(path: Path, name: str, count: int, cap: float) -> subprocess.Popen:
    arguments = [sys.executable, "-c", SPENDER, str(path), name, str(count), str(cap)]
    return subprocess.Popen(arguments, env=os.environ | {"PYTHONPATH": str(LIBRARY)}, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


def test_sums_by_purpose_and_endpoint_outlive_the_process(path):
    with Ledger(path) as ledger:
        ledger.enter(TEACHING, Usage(100, 60, 7), 0.5)
        ledger.enter(TEACHING, Usage(100, 0, 9), 0.25, wasted="no choices")
        ledger.enter(SOLVING, None, None, at_most=2.0, wasted="cut short")
    with Ledger(path) as ledger:
        ledger.enter(ELSEWHERE, Usage(1, 0, 1), None)
        totals = ledger.totals()
        assert ledger.committed("r1") == 2.75 and ledger.committed("qwen") == 0
    everything = totals["all"]
    assert (everything["responses"], everything["prompt_tokens"], everything["cached_tokens"]) == (4, 201, 60)
    assert (everything["completion_tokens"], everything["cost"]) == (17, 0.75)
    assert (everything["unmetered"], everything["unmetered_cost"], everything["in_flight_cost"]) == (1, 2.0, 0.0)
    assert everything["wasted"]["responses"] == 2 and everything["wasted"]["completion_tokens"] == 9
    assert totals["purposes"]["traces/r1"]["cost"] == 0.75 and totals["endpoints"]["qwen"]["responses"] == 1


def test_every_response_has_its_line(path):
    with Ledger(path) as ledger:
        for number in range(3):
            ledger.enter(TEACHING, Usage(number, 0, 1), None, response_id=f"id-{number}")
    responses = [json.loads(line)["record"]["response"] for line in path.read_text().splitlines()]
    assert [(response["id"], response["tokens"][0]) for response in responses] == [
        ("id-0", 0),
        ("id-1", 1),
        ("id-2", 2),
    ]


def test_two_processes_spend_no_more_than_the_cap(path):
    cap = 2.0
    spenders = [spend(path, name, 1000, cap) for name in ("one", "two")]
    entered = [len(spender.communicate()[0].split()) for spender in spenders]
    with Ledger(path) as ledger:
        totals = ledger.totals()["all"]
        assert totals["responses"] == sum(entered)
        assert totals["prompt_tokens"] == 10 * sum(entered)
        assert totals["completion_tokens"] == sum(n * (n - 1) // 2 for n in entered)
        assert cap - 0.02 < ledger.committed("r1") <= cap
        assert totals["cost"] == pytest.approx(0.007 * sum(entered)) and totals["in_flight_cost"] == 0


def test_what_a_killed_process_had_set_aside_counts_as_spent(path):
    spender = spend(path, "killed", 100_000, 1e6)
    for _ in range(20):
        spender.stdout.readline()
    spender.send_signal(signal.SIGKILL)
    said = 20 + len(spender.stdout.read().split())
    spender.wait()
    with Ledger(path) as ledger:
        totals = ledger.totals()["all"]
        assert said - 1 <= totals["responses"] <= said
        assert 0 <= totals["in_flight_cost"] <= 0.0101
        assert ledger.committed("r1") >= totals["responses"] * 0.007


def test_a_lost_line_is_made_good_by_the_next(path):
    with Ledger(path) as ledger:
        for _ in range(3):
            ledger.enter(TEACHING, Usage(5, 0, 1), 0.1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"garbage\n" + lines[2])
    with Ledger(path) as ledger:
        assert ledger.totals()["all"]["prompt_tokens"] == 15


def test_what_others_spend_is_seen(path):
    with Ledger(path) as mine, Ledger(path) as theirs:
        assert mine.reserve(TEACHING, 0.6, 1.0)
        assert not theirs.reserve(SOLVING, 0.6, 1.0)
        assert theirs.reserve(ELSEWHERE, 0.6, 1.0)
        mine.release(TEACHING, 0.6)
        mine.enter(TEACHING, Usage(1, 0, 1), 0.3)
        assert theirs.reserve(SOLVING, 0.6, 1.0)
        assert theirs.committed("r1") == pytest.approx(0.9)


@hypothesis_settings(max_examples=30)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=30))
def test_the_cap_holds_whatever_is_reserved_and_spent(tmp_path_factory, steps):
    with Ledger(tmp_path_factory.mktemp("cap") / "ledger") as ledger:
        held = []
        for reserve, cents in steps:
            if reserve and ledger.reserve(TEACHING, cents / 100, 1.0):
                held.append(cents / 100)
            elif held:
                amount = held.pop()
                ledger.enter(TEACHING, Usage(1, 0, 1), amount * cents / 40)
                ledger.release(TEACHING, amount)
            assert ledger.committed("r1") <= 1.0 + 1e-9


def test_prices():
    price = Price.of(read(PriceSettings, {"prompt": 2.0, "completion": 8.0, "cached_prompt": 0.5}))
    assert price.cost(Usage(1_000_000, 400_000, 500_000)) == pytest.approx(1.2 + 0.2 + 4.0)
    assert price.at_most(1_000_000, 1_000_000) == 10.0
    assert Price.of(read(PriceSettings, {"prompt": 2.0, "completion": 8.0})).cached_prompt == 2.0
