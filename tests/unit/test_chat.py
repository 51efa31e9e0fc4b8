"""Chats: thinking and answer share one limit, and what the journal holds is never asked again."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import ScriptedEngine

from m1flow.chat import Asked, JournalledChat, LocalChat, Progress, Turn, sampling_for
from m1flow.engines import Sampling
from m1flow.formats import Formatter
from m1flow.journal import Journal
from m1flow.tokenizers import train_tokenizer

GREEDY = Sampling()
THINK = {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n", "forced_end": "\n</think>\n\n"}


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["Severity of a question", "the answer is \\boxed{3}"], 300)


@pytest.fixture
def local(tokenizer):
    """A chat with a scripted engine behind it, which can be looked at."""

    def make(script, spec=THINK):
        formatter = Formatter(tokenizer, "f", spec)
        engine = ScriptedEngine(formatter, script)
        return LocalChat(formatter, lambda: engine, "scripted"), engine

    return make


def hm_then_3(prompt, _):
    return "\\boxed{3}" if "</think>" in prompt else "hm hm"


@pytest.mark.parametrize(
    ("limit", "reasoning", "answer", "finished"),
    [(60, "hm hm", "\\boxed{3}", True), (3, None, "", False), (12, "hm hm", None, False)],
)
def test_thinking_and_answer_share_one_limit(local, limit, reasoning, answer, finished):
    chat, _ = local(hm_then_3)
    ((asked, turn),) = chat.turns([Asked("k", "Severity?")], limit)
    assert asked.key == "k" and turn.finished is finished and turn.completion_tokens <= limit
    assert reasoning is None or turn.reasoning == reasoning
    assert answer is None or turn.answer == answer


def test_thinking_may_end_with_plain_text(local):
    spec = {"thinking_start": "## Thinking\n\n", "thinking_end": "\n\n## Final Response\n\n", "forced_end": "x"}
    script = {False: "hm hm\n\n## Final Response", True: "\\boxed{3}"}
    chat, engine = local(lambda prompt, _: script["## Final Response" in prompt], spec | {"text_marker": True})
    ((_, turn),) = chat.turns([Asked("k", "Severity?")], 90)
    assert turn.reasoning.strip() == "hm hm" and turn.answer == "\\boxed{3}" and turn.finished
    assert engine.requests[0].until is not None
    ((_, turn),) = chat.turns([Asked("k", "Severity?")], 8)
    assert turn.answer == "" and not turn.finished


def test_questions_are_taken_as_the_engine_gets_room(local):
    chat, engine = local(hm_then_3)
    taken = []

    def asked():
        for n in range(5000):
            taken.append(n)
            yield Asked(n, f"Severity {n}?")

    turns = chat.turns(asked(), 60)
    next(turns)
    assert len(taken) < 2000
    assert len(list(turns)) == 4999 and engine.most_pending <= 1024


def test_each_attempt_has_a_stream_of_its_own():
    spec = {"temperature": 0.7}
    streams = {sampling_for(spec, seed, q, attempt) for seed in (0, 1) for q in "ab" for attempt in range(3)}
    assert len(streams) == 12
    assert sampling_for({}, 0, "a") == Sampling()


class Counting:
    """A chat that counts what it is asked, and breaks off after some."""

    identity = "counting"

    def __init__(self, lives=10**9, tokens=9, finished=True):
        self.asked, self.lives, self.tokens, self.finished = [], lives, tokens, finished

    def turns(self, asked, max_tokens):
        for one in asked:
            if len(self.asked) == self.lives:
                raise KeyboardInterrupt
            self.asked.append((one.text, one.sampling))
            yield one, Turn("r", f"{one.text}!", 1, self.tokens, self.finished, cost=0.5)

    def close(self):
        pass


def ask(path, chat, texts, max_tokens=100, identity="counting", sampling=GREEDY):
    with Journal(path) as journal:
        journalled = JournalledChat(identity, lambda: chat, journal, max_tokens)
        asked = [Asked(n, text, sampling) for n, text in enumerate(texts)]
        journalled.ask(asked, "test", len(asked))
        return [journalled.turn(one) for one in asked]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    texts=st.lists(st.sampled_from("abcdef"), max_size=12),
    lives=st.integers(0, 12),
    more=st.lists(st.sampled_from("abcdefgh"), max_size=5),
)
def test_whenever_it_breaks_off_each_text_is_asked_once(tmp_path_factory, texts, lives, more):
    path = tmp_path_factory.mktemp("j") / "j.jsonl"
    first, second = Counting(lives), Counting()
    try:
        ask(path, first, texts)
    except KeyboardInterrupt:
        assert len(first.asked) == lives
    turns = ask(path, second, texts + more)
    assert [turn.answer for turn in turns] == [f"{text}!" for text in texts + more]
    both = first.asked + second.asked
    assert len(both) == len(set(both)) == len({*texts, *more} | {text for text, _ in first.asked})


@pytest.mark.parametrize(
    "changed",
    [
        {"texts": ["a", "c"]},
        {"identity": "another"},
        {"sampling": Sampling(0.7, 1.0, 1)},
        {"sampling": Sampling(0.7, 1.0, 2)},
    ],
)
def test_only_what_changed_is_asked_again(tmp_path, changed):
    ask(tmp_path / "j", Counting(), ["a", "b"], sampling=Sampling(0.7, 1.0, 1) if "sampling" in changed else Sampling())
    chat = Counting()
    ask(tmp_path / "j", chat, **{"texts": ["a", "b"], **changed})
    new = {("texts",): 1, ("identity",): 2}.get(tuple(changed))
    assert len(chat.asked) == (new if new is not None else 2 * (changed["sampling"].seed == 2))


def test_a_turn_that_ended_serves_every_limit_with_room_and_a_cut_one_its_own(tmp_path):
    whole, cut = Counting(tokens=50), Counting(tokens=100, finished=False)
    ask(tmp_path / "whole", whole, ["a"], 100)
    ask(tmp_path / "whole", whole, ["a"], 50)
    assert len(whole.asked) == 1
    ask(tmp_path / "whole", whole, ["a"], 49)
    assert len(whole.asked) == 2
    for limit in (100, 100, 200, 100, 200):
        ask(tmp_path / "cut", cut, ["a"], limit)
    assert len(cut.asked) == 2


def test_what_was_never_asked_is_not_made_up(tmp_path):
    with Journal(tmp_path / "j") as journal, pytest.raises(KeyError):
        JournalledChat("x", Counting, journal, 10).turn(Asked("k", "a"))


def test_nothing_is_opened_where_all_is_in_the_journal(tmp_path):
    ask(tmp_path / "j", Counting(), ["a"])
    with Journal(tmp_path / "j") as journal, JournalledChat("counting", pytest.fail, journal, 100) as chat:
        chat.ask([Asked(0, "a")], "test", 1)


def test_progress_tells_rate_cost_and_what_was_resumed(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    clock = iter(range(0, 10_000, 15))
    monkeypatch.setattr("m1flow.chat.time.monotonic", lambda: next(clock))
    turn = Turn("", "", 1, 1, True, cost=1.25)
    with Progress("teach r1", 4) as progress:
        progress.reused()
        progress.answered(turn)
        progress.answered(replace(turn, cost=None))
    assert "teach r1: 3 of 4 answered: 1 from the journal, 2 new for $1.25" in caplog.text
    assert any("2/4" in line and "$1.25" in line and "<" in line for line in caplog.messages)
