"""Chats with a model in this process: thinking and answer share one limit, and memory stays flat."""

from __future__ import annotations

import json

import pytest

from helpers.scripted import ScriptedEngine
from m1flow.chat.local import LocalChat, local_identity
from m1flow.chat.turns import UserTurn
from m1flow.models.formats import Formatter
from m1flow.study.settings.formats import FormatSettings
from m1flow.training.tokenizer import train_tokenizer

THINK = {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n", "forced_end": "\n</think>\n\n"}


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["Severity of a question", "the answer is \\boxed{3}"], 300)


@pytest.fixture
def local(tokenizer):
    """A chat with a scripted engine behind it, which can be looked at."""

    def make(script, spec=THINK):
        formatter = Formatter(tokenizer, "f", FormatSettings(**spec))
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
    ((asked, turn),) = chat.turns([UserTurn("k", "Severity?")], limit)
    assert asked.key == "k" and turn.finished is finished and turn.completion_tokens <= limit
    assert reasoning is None or turn.reasoning == reasoning
    assert answer is None or turn.answer == answer


@pytest.mark.parametrize("limit", range(1, 40))
def test_the_end_of_thinking_and_of_the_answer_are_tokens_as_well(local, tokenizer, limit):
    """They are generated and paid for; the markers that the format puts in between aren't."""
    chat, _ = local(hm_then_3)
    ((_, turn),) = chat.turns([UserTurn("k", "Severity?")], limit)
    formatter = Formatter(tokenizer, "f", FormatSettings(**THINK))
    thinking, answer = len(formatter.encode("hm hm")) + 1, len(formatter.encode("\\boxed{3}")) + 1
    assert turn.completion_tokens == min(limit, thinking + answer)
    assert turn.finished == (limit >= thinking + answer)


def test_thinking_may_end_with_plain_text(local):
    spec = {"thinking_start": "## Thinking\n\n", "thinking_end": "\n\n## Final Response\n\n", "forced_end": "x"}
    script = {False: "hm hm\n\n## Final Response", True: "\\boxed{3}"}
    chat, engine = local(lambda prompt, _: script["## Final Response" in prompt], spec | {"text_marker": True})
    ((_, turn),) = chat.turns([UserTurn("k", "Severity?")], 90)
    assert turn.reasoning.strip() == "hm hm" and turn.answer == "\\boxed{3}" and turn.finished
    assert engine.requests[0].until is not None
    ((_, turn),) = chat.turns([UserTurn("k", "Severity?")], 8)
    assert turn.answer == "" and not turn.finished


def test_questions_are_taken_as_the_engine_gets_room(local):
    chat, engine = local(hm_then_3)
    taken = []

    def asked():
        for n in range(5000):
            taken.append(n)
            yield UserTurn(n, f"Severity {n}?")

    turns = chat.turns(asked(), 60)
    next(turns)
    assert len(taken) < 2000
    assert len(list(turns)) == 4999 and engine.most_pending <= 1024


def test_a_model_that_answers_directly_is_asked_once(local):
    chat, engine = local(lambda prompt, _: "\\boxed{3}", {})
    ((_, turn),) = chat.turns([UserTurn("k", "Severity?")], 60)
    assert (turn.reasoning, turn.answer, turn.finished) == ("", "\\boxed{3}", True)
    assert len(engine.requests) == 1 and turn.prompt_tokens == len(engine.requests[0].prompt)


def test_the_engine_is_opened_to_ask_and_closed_once(tokenizer):
    opened = []

    class Engine(ScriptedEngine):
        def close(self):
            opened.append("closed")

    def factory():
        opened.append("opened")
        return Engine(formatter, hm_then_3)

    formatter = Formatter(tokenizer, "f", FormatSettings(**THINK))
    chat = LocalChat(formatter, factory, "scripted")
    chat.close()
    assert opened == []
    for _ in range(2):
        list(chat.turns([UserTurn("k", "Severity?")], 60))
    chat.close()
    chat.close()
    assert opened == ["opened", "closed"]


def test_identity_is_the_model_and_what_stands_round_a_question(tokenizer, local):
    formatters = [Formatter(tokenizer, "f", FormatSettings(**spec)) for spec in (THINK, {})]
    identities = [local_identity(formatter, model) for formatter in formatters for model in ("m", "n")]
    assert len({json.dumps(identity) for identity in identities}) == 4
    assert local(hm_then_3)[0].identity == local_identity(formatters[0], "scripted")
