"""The client of chat endpoints: what it sends, what it makes of answers and failures, and what it never lets out."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from fault_proxy import FAULTS, UNMETERED, FaultProxy, completion
from hypothesis import given
from hypothesis import strategies as st
from served_model import free_port

from m1flow.chat import Asked
from m1flow.completions import (
    Fatal,
    Passing,
    Rejected,
    defuse,
    failure,
    message_of,
    read_reply,
    redact,
    retry_after,
    split_thinking,
)
from m1flow.endpoint_http import proxy_for
from m1flow.endpoints import EndpointChat, endpoint_identity
from m1flow.engines import Sampling
from m1flow.errors import M1FlowError
from m1flow.ledger import Ledger

ROOT = Path(__file__).parents[2]
CANARY = "sk-canary-7d1f0c55e2b94a"
GREEDY = Sampling()
PRICE = {"prompt": 1.0, "cached_prompt": 0.1, "completion": 10.0}


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.jsonl") as opened:
        yield opened


def chat(proxy, ledger, thinks=False, **spec) -> EndpointChat:
    url = proxy if isinstance(proxy, str) else proxy.url
    settings = {"url": url, "model": "tiny", "requests_in_flight": 16, "question_seconds": 30, "request_seconds": 5}
    return EndpointChat("local", settings | spec, ledger=ledger, purpose="test", thinks=thinks)


def ask(opened: EndpointChat, texts, max_tokens=50, sampling=GREEDY) -> dict:
    turns = list(opened.turns((Asked(n, text, sampling) for n, text in enumerate(texts)), max_tokens))
    assert len({asked.key for asked, _ in turns}) == len(turns)
    return {asked.key: turn for asked, turn in turns}


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


# Failures


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_survived(ledger, fault, monkeypatch):
    monkeypatch.setattr("m1flow.endpoint_run._LONGEST_WAIT", 0.2)
    texts = [f"question {n} ä" for n in range(24)]
    with FaultProxy(share=0.2, faults=[fault]) as proxy:
        turns = ask(chat(proxy, ledger, price=PRICE, request_seconds=1.5), texts)
    account, sums = proxy.account, ledger.totals()["all"]
    assert {key: turn.answer for key, turn in turns.items()} == {n: text.upper() for n, text in enumerate(texts)}
    assert account.faults[fault] >= 3
    assert set(account.delivered.values()) == {1}
    assert [sums["prompt_tokens"], sums["completion_tokens"]] == account.tokens
    assert sums["responses"] == account.responses + account.unmetered
    assert sums["unmetered"] == account.unmetered == (account.faults[fault] if fault in UNMETERED else 0)
    billed_for_nothing = fault in UNMETERED or fault in ("empty", "other-model", "replay")
    assert sums["wasted"]["responses"] == (account.faults[fault] if billed_for_nothing else 0)


def test_a_pause_that_is_asked_for_holds_everyone(ledger):
    def respond(body, times):
        if body["messages"][0]["content"] == "q0" and not times:
            return 429, {"Retry-After": "1"}, "{}"
        return completion(body)

    with FaultProxy(respond=respond, seconds=0.05) as proxy:
        ask(chat(proxy, ledger, requests_in_flight=4), [f"q{n}" for n in range(40)])
    times = [when for when, _, _ in proxy.account.requests]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert max(gaps) >= 0.9


def test_a_pause_that_no_question_outlasts_ends_the_run(ledger):
    def respond(body, _):
        return (429, {"Retry-After": "86400"}, "{}") if body["messages"][0]["content"] == "q30" else completion(body)

    handed = []
    with FaultProxy(respond=respond) as proxy:
        turns = chat(proxy, ledger).turns((Asked(n, f"q{n}") for n in range(60)), 50)
        with pytest.raises(M1FlowError, match=r"question_seconds: the endpoint asks to wait 86,400 s; [1-5]"):
            handed.extend(asked.key for asked, _ in turns)
    assert len(handed) == sum(proxy.account.delivered.values()) < 60


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
        (403, '{"error": {"message": "flagged by moderation"}}', Rejected, "moderation"),
        (404, '{"detail": "Not Found"}', Fatal, "Not Found"),
        (307, "", Fatal, "elsewhere"),
        (400, '{"error": {"code": "content_filter", "message": "no"}}', Rejected, "no"),
        (400, '{"message": "too long"}', Rejected, "too long"),
        (422, '{"detail": [{"msg": "field"}]}', Rejected, "field"),
    ],
)
def test_what_a_status_calls_for(status, body, kind, word):
    error = failure(status, {}, body.encode())
    assert type(error) is kind and word in str(error)
    assert "sk-ca" not in str(error)


@pytest.mark.parametrize(
    ("status", "key"), [(401, "key_variable"), (403, "key_variable"), (404, "url"), (400, "model"), (302, "url")]
)
def test_an_endpoint_that_takes_nothing_stops_at_once(ledger, status, key):
    def respond(body, _):
        return status, {"Location": "http://elsewhere/v2?token=x"}, '{"error": {"message": "no such thing"}}'

    with FaultProxy(respond=respond) as proxy, pytest.raises(M1FlowError) as error:
        ask(chat(proxy, ledger), [f"q{n}" for n in range(500)])
    assert str(error.value).startswith(f"endpoints.local.{key}: ") and "\n" not in str(error.value)
    assert ("no such thing" in str(error.value)) == (status in (403, 404, 400))
    assert len(proxy.account.requests) <= 32 and ledger.totals()["all"]["responses"] == 0


def test_a_question_that_is_too_long_is_refused_and_the_others_go_on(ledger):
    def respond(body, _):
        if len(body["messages"][0]["content"]) > 20:
            return 400, {}, '{"error": {"message": "maximum context length"}}'
        return completion(body)

    with FaultProxy(respond=respond, seconds=0.05) as proxy:
        turns = ask(chat(proxy, ledger), ["long " * 10, "short", "long " * 9, *"abc"])
    assert [turns[n].refused for n in range(6)] == [True, False, True, False, False, False]
    assert turns[1].answer == "SHORT"


def test_a_rerun_with_nothing_but_what_is_too_long_refuses_it(ledger):
    def respond(body, _):
        return (400, {}, "too long") if body["messages"][0]["content"].startswith("long") else completion(body)

    with FaultProxy(respond=respond) as proxy:
        assert all(turn.refused for turn in ask(chat(proxy, ledger), [f"long {n}" for n in range(40)]).values())
    sums = ledger.totals()["all"]  # a short question settled that the endpoint takes requests
    assert 1 <= sums["responses"] == sums["wasted"]["responses"] <= 3


def test_an_endpoint_that_begins_to_reject_everything_refuses_nothing(ledger):
    """Some answer 400 where the account has no money left, or a model is withdrawn."""
    handed = {}

    def respond(body, _):
        return completion(body) if len(proxy.account.requests) <= 50 else (400, {}, "balance too low")

    with FaultProxy(respond=respond) as proxy:
        turns = chat(proxy, ledger).turns((Asked(n, f"q{n}") for n in range(500)), 50)
        with pytest.raises(M1FlowError, match=r"no request is taken \(status 400: balance too low"):
            handed.update((asked.key, turn) for asked, turn in turns)
    assert len(handed) >= 50 - 16 and not any(turn.refused for turn in handed.values())


def test_a_filtered_question_is_refused(ledger):
    def respond(body, _):
        return 400, {}, '{"error": {"code": "content_filter", "message": "filtered"}}'

    with FaultProxy(respond=respond) as proxy:
        assert ask(chat(proxy, ledger), ["question"])[0].refused


def test_a_model_of_another_name_stops_before_it_costs_much(ledger):
    def respond(body, _):
        return completion(body) | {"model": "tiny-2026-01-01"}

    texts = [f"q{n}" for n in range(500)]
    with FaultProxy(respond=respond) as proxy:
        with pytest.raises(M1FlowError, match=r"endpoints.local.answers_as: .*tiny-2026-01-01.*set answers_as"):
            ask(chat(proxy, ledger), texts)
        assert len(proxy.account.requests) <= 32
        assert len(ask(chat(proxy, ledger, answers_as="tiny-2026-01-01"), texts)) == 500


def test_a_question_without_an_answer_is_given_up_and_the_others_go_on(ledger):
    def respond(body, _):
        return (500, {}, "{}") if body["messages"][0]["content"] == "q3" else completion(body)

    handed = []
    with FaultProxy(respond=respond, seconds=0.1) as proxy:
        turns = chat(proxy, ledger, requests_in_flight=2, question_seconds=2).turns(
            (Asked(n, f"q{n}") for n in range(60)), 50
        )
        with pytest.raises(M1FlowError, match=r"question_seconds: 1 questions have no .*status 500.*59 questions are"):
            handed.extend(asked.key for asked, _ in turns)
    assert sorted(handed) == [n for n in range(60) if n != 3]


def test_a_dead_server_stops_everything(ledger):
    opened = chat(f"http://127.0.0.1:{free_port()}/v1", ledger, question_seconds=1)
    with pytest.raises(M1FlowError, match=r"endpoints.local.url: no question was answered .*no connection"):
        ask(opened, [f"q{n}" for n in range(1000)])
    assert ledger.totals()["all"]["completion_tokens"] == 0


def test_unusable_responses_are_paid_for_a_few_times_only(ledger, monkeypatch):
    def respond(body, _):
        return completion(body) | {"choices": []}

    monkeypatch.setattr("m1flow.endpoint_run._LONGEST_WAIT", 0.05)
    with FaultProxy(respond=respond) as proxy, pytest.raises(M1FlowError, match="no choices"):
        ask(chat(proxy, ledger), ["question"])
    assert len(proxy.account.requests) == ledger.totals()["all"]["wasted"]["responses"] == 8


def test_an_error_of_the_caller_comes_through(ledger):
    def questions():
        yield Asked(0, "q0")
        raise ZeroDivisionError

    with FaultProxy() as proxy, pytest.raises(ZeroDivisionError):
        list(chat(proxy, ledger).turns(questions(), 50))


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
        said = process.communicate(timeout=60)[1]
    assert process.returncode != 0 and "Exception ignored" not in said
    lines = (tmp_path / "journal").read_bytes().splitlines()
    with Ledger(tmp_path / "ledger") as ledger:
        sums = ledger.totals()["all"]
    used = sums["responses"] - sums["wasted"]["responses"]
    assert 180 <= len(lines) <= used <= len(lines) + 32
