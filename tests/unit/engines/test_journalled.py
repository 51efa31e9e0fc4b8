"""An engine over a journal answers as one without it, and generates nothing twice."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from m1flow.engines.interface import Completion, EngineTally, Request, Sampling
from m1flow.engines.journalled import JournalledEngine, request_key
from m1flow.files.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journals" / "j.jsonl"


class CountingEngine:
    """A reference: token i follows from the prompt, the sampling and i alone; counts what it generates."""

    model_id = "model"

    def __init__(self):
        self.tally, self.queue, self.opened = EngineTally(), [], 0

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
        assert engine.generated.requests == generated
        assert engine.reused.requests == 2 * len(requests) - generated


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
    assert (engine.generated.requests, engine.reused.requests) == (2, 3)
    assert (engine.generated.decoded_tokens, engine.reused.decoded_tokens) == (50, 55)


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
        begun = time.monotonic()
        run(engine, [BASE])
        assert inner.opened == 1 and 0 < engine.seconds < time.monotonic() - begun + 1
        resumed = JournalledEngine(inner.open, "model", journal)
        run(resumed, [BASE])
        assert inner.opened == 1 and resumed.generated.decoded_tokens == resumed.seconds == 0


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
