"""The journal loses nothing but a torn line, and the engine over it generates nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from m1flow.engines import Completion, Request, Sampling, Tally
from m1flow.journal import Journal, JournalledEngine, request_key
from m1flow.storage import M1FlowError

LIBRARY = Path(__file__).parents[2] / "workflow" / "scripts"
WRITER = """
import sys
from m1flow.journal import Journal
path, name, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with Journal(path) as journal:
    for index in range(count):
        journal.append(f"{name}{index}", {"index": index, "filler": name * size})
        print(index, flush=True)
"""


def start_writer(path, name, count, size=20) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(count), str(size)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journals" / "j.jsonl"


def test_records_come_back_after_reopening(path):
    with Journal(path) as journal:
        journal.append("a", {"text": "ä\n\u2028\ud800", "n": [1, 2.5, None]})
        journal.append("b", 1)
        journal.append("b", 2)
        assert journal.get("b") == 2 and "a" in journal and "c" not in journal and journal.get("c") is None
    with Journal(path) as journal:
        assert journal.get("a") == {"text": "ä\n\u2028\ud800", "n": [1, 2.5, None]}
        assert (journal.get("b"), len(journal), journal.keys(), journal.skipped) == (2, 2, ["a", "b"], 0)


@hypothesis_settings(max_examples=60)
@given(data=st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "j"
    records = data.draw(st.lists(st.text(max_size=20), min_size=1, max_size=5))
    ends = []
    with Journal(path) as journal:
        for index, record in enumerate(records):
            journal.append(str(index), record)
            ends.append(path.stat().st_size)
    cut = data.draw(st.integers(0, ends[-1]))
    with path.open("r+b") as file:
        file.truncate(cut)
    for _ in range(2):  # opening mends the end of the file; opening again finds the same
        with Journal(path) as journal:
            kept = [index for index, end in enumerate(ends) if end - 1 <= cut]  # the last newline may be missing
            assert journal.keys() == [str(index) for index in kept]
            assert all(journal.get(str(index)) == records[index] for index in kept)
            assert journal.skipped == (cut > 0 and cut not in ends and cut + 1 not in ends)
    with Journal(path) as journal:
        journal.append("new", "after")
    with Journal(path) as journal:
        assert journal.get("new") == "after" and len(journal) == len(kept) + 1


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 50, b"not json", b"\xff\xfe\n\x80", b'{"key":"a","record":1,"check":"00000000"}', b"{}"]
)
def test_garbage_in_the_middle_is_counted(path, garbage):
    with Journal(path) as journal:
        journal.append("a", 0)
    with path.open("ab") as file:
        file.write(garbage + b"\n")
    with Journal(path) as journal:
        journal.append("b", 1)
    with Journal(path) as journal:
        assert journal.skipped == garbage.count(b"\n") + 1
        assert (journal.get("a"), journal.get("b"), len(journal)) == (0, 1, 2)


def test_a_flipped_bit_hides_only_its_own_line(path):
    with Journal(path) as journal:
        for index in range(3):
            journal.append(str(index), "x" * 50)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with Journal(path) as journal:
        assert (journal.keys(), journal.skipped) == (["0", "2"], 1)


def test_a_torn_line_of_another_process_is_ended_before_the_next_record(path):
    with Journal(path) as journal:
        journal.append("a", 0)
        with path.open("ab") as file:
            file.write(b'{"key":"torn","reco')
        assert "torn" not in journal
        journal.append("b", 1)
        assert (journal.get("b"), journal.skipped) == (1, 1)


def test_records_of_another_process_are_seen(path):
    with Journal(path) as mine, Journal(path) as theirs:
        assert "x" not in mine
        theirs.append("x", 1)
        assert "x" in mine and mine.get("x") == 1
        theirs.append("x", 2)
        assert mine.get("x") == 2


def test_kill_during_append_loses_at_most_the_line_in_flight(path):
    generator = random.Random(0)
    expected = 0
    for attempt in range(3):
        writer = start_writer(path, f"w{attempt}-", 1_000_000, size=5000)
        said = [int(writer.stdout.readline()) for _ in range(20)]
        time.sleep(generator.random() * 0.05)
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        writer.stdout.close()
        with Journal(path) as journal:
            acknowledged = said[-1] + 1
            written = len(journal) - expected
            assert acknowledged <= written <= acknowledged + 1
            assert all(journal.get(f"w{attempt}-{index}")["index"] == index for index in range(written))
            assert journal.skipped <= attempt + 1
            expected += written


def test_two_processes_append_at_once(path):
    writers = [start_writer(path, name, 300, size=2000) for name in ("one", "two")]
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0]
    with Journal(path) as journal:
        assert (len(journal), journal.skipped) == (600, 0)
        for name in ("one", "two"):
            assert all(journal.get(f"{name}{i}") == {"index": i, "filler": name * 2000} for i in range(300))


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb", "ä"])
def test_keys_that_would_need_escaping_are_refused(path, key):
    with Journal(path) as journal, pytest.raises(ValueError, match="journal key"):
        journal.append(key, 1)


def test_a_path_that_can_not_be_opened_is_named(tmp_path):
    with pytest.raises(M1FlowError, match="the journal can't be opened"):
        Journal(tmp_path)


class CountingEngine:
    """A reference: token i follows from the prompt, the sampling and i alone; counts what it generates."""

    model_id = "model"

    def __init__(self):
        self.tally, self.queue, self.opened = Tally(), [], 0

    def open(self) -> CountingEngine:
        self.opened += 1
        return self

    def submit(self, request):
        self.queue.append(request)

    def finished(self):
        while self.queue:
            request = self.queue.pop()
            completion = reference(request)
            self.tally.add(request, completion)
            yield request, completion

    def close(self):
        pass


def reference(request: Request) -> Completion:
    if request.given:
        return Completion.of(request.given, None, [-float(token + len(request.prompt)) for token in request.given])
    stream = random.Random(repr((request.prompt, request.sampling, request.min_tokens)))
    tokens, logprobs = [], []
    while len(tokens) < request.max_tokens and not (request.until and request.until.met(tokens)):
        token = stream.randrange(12)
        if token in request.stop and len(tokens) < request.min_tokens:
            continue
        if token in request.stop:
            return Completion.of(tokens, token, logprobs if request.logprob else None)
        tokens.append(token)
        logprobs.append(-float(token))
    return Completion.of(tokens, None, logprobs if request.logprob else None)


def run(engine, requests) -> list[Completion]:
    for index, request in enumerate(requests):
        engine.submit(replace(request, tag=index))
    answers = {request.tag: completion for request, completion in engine.finished()}
    assert len(answers) == len(requests)
    return [answers[index] for index in range(len(requests))]


class After:
    """A text that comes with the third token of a kind."""

    def __init__(self, rest):
        self.rest = rest

    def met(self, token_ids):
        ours = [token for token in token_ids if token % 3 == self.rest]
        return len(ours) == 3 and token_ids[-1] == ours[-1]


judged = st.builds(Request.judging, st.sampled_from([(1,), (2, 3)]), st.sampled_from([(4,), (4, 5), (6,)]))
generated = st.builds(
    Request,
    prompt=st.sampled_from([(1,), (2, 3)]),
    max_tokens=st.integers(1, 30),
    stop=st.sampled_from([(), (5,), (5, 7), (7, 5)]),
    sampling=st.sampled_from([Sampling(), Sampling(1.0, 0.9, 1), Sampling(1.0, 0.9, 2)]),
    logprob=st.booleans(),
    min_tokens=st.sampled_from([0, 0, 2]),
    until=st.sampled_from([None, None, After(0), After(1)]),
)
a_request = generated | judged


@hypothesis_settings(max_examples=80)
@given(rounds=st.lists(st.lists(a_request, max_size=8), min_size=1, max_size=4))
def test_answers_equal_an_engine_without_a_journal(tmp_path_factory, rounds):
    path = tmp_path_factory.mktemp("lookup") / "j"
    for requests in rounds:
        inner = CountingEngine()
        with Journal(path) as journal:
            engine = JournalledEngine(inner.open, "model", journal)
            answers = run(engine, requests)
            generated = inner.tally.requests
            again = run(engine, requests)
        assert answers == again == [reference(request) for request in requests]
        assert [a.logprob for a in answers] == [reference(request).logprob for request in requests]
        assert inner.tally.requests == generated
        assert engine.tally.generated_requests == generated
        assert engine.tally.reused_requests == 2 * len(requests) - generated


BASE = Request((1, 2), 20, (99,))


def test_a_longer_record_answers_a_shorter_request_and_never_the_reverse(path):
    inner = CountingEngine()
    with Journal(path) as journal:
        engine = JournalledEngine(inner.open, "model", journal)
        run(engine, [BASE])
        assert run(engine, [replace(BASE, max_tokens=7)]) == [reference(replace(BASE, max_tokens=7))]
        assert inner.tally.decoded_tokens == 20
        assert run(engine, [replace(BASE, max_tokens=21)]) == [reference(replace(BASE, max_tokens=21))]
        assert inner.tally.decoded_tokens == 41
        assert run(engine, [replace(BASE, max_tokens=20)]) == [reference(BASE)] and inner.tally.decoded_tokens == 41


def test_a_natural_end_answers_every_larger_limit_and_is_cut_by_a_smaller(path):
    ending = next(r for r in (Request((n,), 50, (5,)) for n in range(99)) if 3 < len(reference(r).token_ids) < 20)
    length = len(reference(ending).token_ids)
    inner = CountingEngine()
    with Journal(path) as journal:
        engine = JournalledEngine(inner.open, "model", journal)
        run(engine, [ending])
        answers = {
            limit: run(engine, [replace(ending, max_tokens=limit)])[0]
            for limit in (500, length + 1, length, length - 1)
        }
    assert inner.tally.requests == 1
    assert [answers[limit].finished for limit in answers] == [True, True, False, False]
    assert [len(answers[limit].token_ids) for limit in answers] == [length, length, length, length - 1]


def test_equal_requests_in_flight_are_generated_once(path):
    inner = CountingEngine()
    with Journal(path) as journal:
        engine = JournalledEngine(inner.open, "model", journal)
        limits = [20, 20, 5, 30, 30]
        answers = run(engine, [replace(BASE, max_tokens=limit) for limit in limits])
    assert answers == [reference(replace(BASE, max_tokens=limit)) for limit in limits]
    assert inner.tally.decoded_tokens == 50  # 20, and then 30, which came too late to be shared
    assert (engine.tally.generated_requests, engine.tally.reused_requests) == (2, 3)
    assert (engine.tally.generated_tokens, engine.tally.reused_tokens) == (50, 55)


def test_submitting_while_iterating_mixes_stored_and_new(path):
    inner = CountingEngine()
    first, stored, new = BASE, Request((7,), 5, ()), Request((8,), 5, ())
    with Journal(path) as journal:
        run(JournalledEngine(inner.open, "model", journal), [stored])
        engine = JournalledEngine(inner.open, "model", journal)
        engine.submit(first)
        seen = []
        for request, completion in engine.finished():
            assert completion == reference(request)
            seen.append(request)
            if request == first:
                engine.submit(stored)
                engine.submit(new)
            if request == new:
                engine.submit(replace(stored, max_tokens=3))
    assert sorted(request.prompt for request in seen) == [(1, 2), (7,), (7,), (8,)]


def test_the_engine_is_opened_only_to_generate(path):
    inner = CountingEngine()
    with Journal(path) as journal:
        engine = JournalledEngine(inner.open, "model", journal)
        assert list(engine.finished()) == [] and inner.opened == 0
        run(engine, [BASE])
        assert inner.opened == 1 and engine.tally.seconds > 0
        resumed = JournalledEngine(inner.open, "model", journal)
        run(resumed, [BASE])
        assert inner.opened == 1 and resumed.tally.generated_tokens == resumed.tally.seconds == 0


def test_a_longer_record_of_another_process_is_not_hidden(path):
    with Journal(path) as mine, Journal(path) as theirs:
        slow = JournalledEngine(CountingEngine().open, "model", mine)
        slow.submit(replace(BASE, max_tokens=5))
        run(JournalledEngine(CountingEngine().open, "model", theirs), [BASE])
        assert [completion for _, completion in slow.finished()] == [reference(replace(BASE, max_tokens=5))]
        assert len(mine.get(request_key("model", BASE))["token_ids"]) == 20


def test_keys_follow_what_decides_the_tokens():
    sampled = replace(BASE, sampling=Sampling(0.7, 0.9, 1))
    different = [
        BASE,
        sampled,
        replace(BASE, prompt=(1, 3)),
        replace(BASE, stop=(98,)),
        replace(BASE, logprob=True),
        replace(sampled, sampling=Sampling(0.8, 0.9, 1)),
        replace(sampled, sampling=Sampling(0.7, 0.8, 1)),
        replace(sampled, sampling=Sampling(0.7, 0.9, 2)),
        replace(BASE, min_tokens=1),
        Request.judging((1, 2), (3,)),
        Request.judging((1, 2), (4,)),
    ]
    keys = {request_key("model", request) for request in different} | {request_key("other", BASE)}
    assert len(keys) == len(different) + 1
    same = [
        replace(BASE, max_tokens=3),
        replace(BASE, sampling=Sampling(0.0, 0.5, 9)),
        replace(BASE, stop=(99, 99), tag="x"),
        replace(BASE, until=After(0)),
    ]
    assert {request_key("model", request) for request in same} == {request_key("model", BASE)}
