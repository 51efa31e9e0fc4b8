"""What the client of chat endpoints makes of answers, whole or streamed: reasoning, text, tokens, costs."""

from __future__ import annotations

import json

import pytest
from endpoint_chats import CANARY, PRICE, ask, chat
from fault_proxy import FaultProxy, completion
from hypothesis import given
from hypothesis import strategies as st

from m1flow.completions import read_reply, split_thinking

# Answers


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


# Streams


def events(*pieces: dict | str) -> str:
    said = (piece if isinstance(piece, str) else json.dumps(piece) for piece in pieces)
    return ": a comment\n\n" + "".join(f"data: {piece}\n\n" for piece in said)


def delta(finish=None, **texts) -> dict:
    return {"id": "r", "model": "tiny", "choices": [{"index": 0, "delta": texts, "finish_reason": finish}]}


USED = {"id": "r", "model": "tiny", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}
WHOLE = events(
    delta(role="assistant", content=""),
    delta(reasoning_content="so "),
    delta(reasoning_content="what"),
    delta(content="Grö", reasoning_content=None),
    delta(content="ße"),
    delta("stop"),
    USED,
    "[DONE]",
)


def test_a_stream_is_put_together(ledger):
    with FaultProxy(respond=lambda body, _: (200, {"Content-Type": "text/event-stream"}, WHOLE)) as proxy:
        turn = ask(chat(proxy, ledger, stream=True), ["question"])[0]
    assert (turn.reasoning, turn.answer, turn.finished) == ("so what", "Größe", True)
    assert (turn.prompt_tokens, turn.completion_tokens) == (7, 5)
    body = proxy.account.bodies[0]
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("spoiled", "cause"),
    [
        (events(delta(content="half an ans")), "ended early"),
        (events(delta(content="half"), "{"), "not JSON"),
        (events(delta(content="half"), "[1]"), "not a JSON object"),
        (events(delta(content="half"), {"error": {"message": f"out of memory {CANARY}"}}), "out of memory"),
        ("data: " + "x" * 10_000_000, "cut short"),
    ],
)
def test_a_spoiled_stream_is_asked_again(ledger, monkeypatch, caplog, spoiled, cause):
    monkeypatch.setenv("CANARY_KEY", CANARY)

    def respond(body, times):
        return 200, {"Content-Type": "text/event-stream"}, WHOLE if times else spoiled

    with FaultProxy(respond=respond) as proxy:
        turn = ask(chat(proxy, ledger, stream=True, key_variable="CANARY_KEY"), ["question"])[0]
    assert turn.answer == "Größe" and cause in caplog.text and CANARY not in caplog.text
    sums = ledger.totals()["all"]
    assert (sums["responses"], sums["unmetered"], sums["wasted"]["unmetered"]) == (2, 1, 1)
