"""What the client of chat endpoints makes of answers, whole or streamed: reasoning, text, tokens, costs."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.endpoint_chats import CANARY, PRICE, ask, chat
from helpers.fault_proxy import FaultProxy, completion
from m1flow.endpoints.protocol import (
    Fatal,
    Passing,
    RejectedRequest,
    defuse,
    failure,
    message_of,
    read_reply,
    redact,
    retry_after,
    split_thinking,
)


@pytest.mark.parametrize(
    ("content", "reasoning", "answer", "closed"),
    [
        ("B", "", "B", None),
        ("<think>\nbecause\n</think>\n\nB", "because", "B", True),
        ("because\n</think>\n\nB", "because", "B", True),
        ("<think>because", "because", "", False),
        ("B <think>no, wait", "B\nno, wait", "", False),
        ("<think>a</think>B <think>no", "a\nB\nno", "", False),
        ("a</think>B <think>no", "a\nB\nno", "", False),
        ("<think>a</think><think>b</think>C", "a\nb", "C", True),
        ("<think></think>B", "", "B", True),
        ("a</think>the tag </think> ends it", "a", "the tag </think> ends it", True),
        ("", "", "", None),
    ],
)
def test_inline_thinking(content, reasoning, answer, closed):
    assert split_thinking(content) == (reasoning, answer, closed)


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "B"])))
def test_an_answer_never_follows_an_open_think(pieces):
    _, answer, closed = split_thinking("".join(pieces))
    assert "<think>" not in answer and (closed is not False or answer == "")


@pytest.mark.parametrize(
    ("thinks", "content", "finish", "more", "expected"),
    [
        (False, "B", "stop", {}, ("", "B", True, False)),
        (False, "B and", "length", {}, ("", "B and", False, False)),
        (True, "B", "stop", {}, ("", "B", True, False)),
        (True, "so the ans", "length", {}, ("so the ans", "", False, False)),
        (True, "so</think>the ans", "length", {}, ("so", "the ans", False, False)),
        (True, "B", "stop", {"reasoning_content": " so "}, ("so", "B", True, False)),
        (True, "B", "stop", {"reasoning": "so"}, ("so", "B", True, False)),
        (True, None, "length", {"reasoning_content": "so"}, ("so", "", False, False)),
        (True, "the ans", "length", {"reasoning_content": "so"}, ("so", "the ans", False, False)),
        (True, "<think>so", "stop", {}, ("so", "", False, False)),
        (False, None, "content_filter", {}, ("", "", False, True)),
        (False, None, "stop", {"refusal": "I can't."}, ("", "I can't.", False, True)),
        (False, "", "stop", {}, ("", "", True, False)),
    ],
)
def test_reasoning_and_answer(ledger, thinks, content, finish, more, expected):
    def respond(body, _):
        return completion(body, content=content or "", finish=finish, **more)

    with FaultProxy(respond=respond) as proxy:
        turn = ask(chat(proxy, ledger, thinks), ["question"])[0]
    assert (turn.reasoning, turn.answer, turn.finished, turn.refused) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 3}, (10, 0, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}, (10, 8, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None}, (10, 0, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_cache_hit_tokens": 8}, (10, 8, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}, (10, 0, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 93}, (10, 0, 83)),
        ({"prompt_tokens": 10}, None),
        (None, None),
        ("free", None),
    ],
)
def test_usage_in_both_spellings(usage, expected):
    used = read_reply(json.dumps({"usage": usage}).encode()).usage
    assert expected == (used and (used.prompt_tokens, used.cached_tokens, used.completion_tokens))


def test_costs_and_a_response_without_usage(ledger):
    def respond(body, _):
        answer = completion(body)
        details = {"prompt_tokens": 1000, "prompt_cache_hit_tokens": 400, "completion_tokens": 20}
        return answer | {"usage": None if "unmetered" in body["messages"][0]["content"] else details}

    with FaultProxy(respond=respond) as proxy:
        turns = ask(chat(proxy, ledger, price=PRICE), ["metered", "unmetered"], 50)
    assert turns[0].cost == pytest.approx((600 + 40 + 200) / 1e6)
    assert (turns[0].prompt_tokens, turns[0].cached_tokens, turns[0].completion_tokens) == (1000, 400, 20)
    assert turns[1].cost is None and turns[1].answer == "UNMETERED"
    sums = ledger.totals()["all"]
    assert (sums["responses"], sums["unmetered"], sums["wasted"]["responses"]) == (2, 1, 0)
    assert sums["unmetered_cost"] >= (500 + len("unmetered")) / 1e6


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


def test_redaction_comes_before_cutting_off():
    assert CANARY[:8] not in redact("x" * 190 + CANARY, CANARY)
    assert redact("short", None) == "short"


def test_messages_of_errors_are_one_line():
    assert message_of(b'{"error": {"message": "a\\n b"}}') == message_of(b"a\n\n b") == "a b"


@pytest.mark.parametrize(
    ("said", "seconds"), [("3", 3), ("0.5", 0.5), ("", None), ("soon", None), ("-1", None), ("date", 10), ("past", 0)]
)
def test_retry_after(said, seconds):
    now = time.time()
    dates = {"date": formatdate(now + 10, usegmt=True), "past": formatdate(now - 99, usegmt=True)}
    waited = retry_after({"Retry-After": dates.get(said, said)})
    assert waited == (None if seconds is None else pytest.approx(seconds, abs=1.5 if said == "date" else 0))


@pytest.mark.parametrize(
    ("status", "body", "kind", "word"),
    [
        (429, "{}", Passing, "429"),
        (500, '{"error": {"message": "boom"}}', Passing, "boom"),
        (502, "<html>", Passing, "<html>"),
        (408, "", Passing, "408"),
        (401, '{"error": "bad key sk-ca***4a"}', Fatal, "key"),
        (402, "{}", Fatal, "pay"),
        (403, "{}", Fatal, "may not use"),
        (403, '{"error": {"message": "flagged by moderation"}}', RejectedRequest, "moderation"),
        (404, '{"detail": "Not Found"}', Fatal, "Not Found"),
        (307, "", Fatal, "elsewhere"),
        (400, '{"error": {"code": "content_filter", "message": "no"}}', RejectedRequest, "no"),
        (400, '{"message": "too long"}', RejectedRequest, "too long"),
        (422, '{"detail": [{"msg": "field"}]}', RejectedRequest, "field"),
    ],
)
def test_what_a_status_calls_for(status, body, kind, word):
    error = failure(status, {}, body.encode())
    assert type(error) is kind and word in str(error)
    assert "sk-ca" not in str(error)
