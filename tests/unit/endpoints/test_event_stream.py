"""Event streams: pieces become the response that would have come whole, and a spoiled stream is asked again."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.endpoint_chats import CANARY, ask, chat
from helpers.fault_proxy import FaultProxy
from m1flow.endpoints.event_stream import whole_body
from m1flow.endpoints.protocol import Broken


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


def put_together(text: str) -> dict:
    async def lines():
        for line in text.encode().splitlines(keepends=True):
            yield line

    return json.loads(asyncio.run(whole_body(lines())))


@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning_content"]), st.text(max_size=5)), max_size=8))
def test_each_text_is_its_pieces_in_order(pieces):
    stream = events(*(delta(**{name: text}) for name, text in pieces), delta("stop"), USED, "[DONE]")
    whole = put_together(stream)
    message = whole["choices"][0]["message"]
    for name in ("content", "reasoning_content"):
        assert message[name] == "".join(text for kind, text in pieces if kind == name)
    assert (whole["id"], whole["model"], whole["usage"]) == ("r", "tiny", USED["usage"])
    assert whole["choices"][0]["finish_reason"] == "stop"


def test_what_is_no_data_is_passed_over():
    stream = "event: ping\nid: 3\nretry: 10\ndata:\n\n" + events(delta(content="B"), delta("length"))
    assert put_together(stream)["choices"][0] == {
        "message": {"content": "B", "reasoning_content": "", "reasoning": "", "refusal": ""},
        "finish_reason": "length",
    }


def test_a_stream_without_an_end_is_broken():
    with pytest.raises(Broken, match="ended early"):
        put_together(events(delta(content="B"), USED, "[DONE]"))
