"""What the client of chat endpoints makes of failures: it asks again, waits, refuses a question, or stops."""

from __future__ import annotations

import pytest

from helpers.endpoint_chats import PRICE, ask, chat
from helpers.fault_proxy import FAULTS, UNMETERED, FaultProxy, completion
from helpers.served_model import free_port
from m1flow.chat.turns import UserTurn
from m1flow.errors import M1FlowError


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_survived(ledger, fault, monkeypatch):
    monkeypatch.setattr("m1flow.endpoints.run._LONGEST_WAIT", 0.2)
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
        turns = chat(proxy, ledger).turns((UserTurn(n, f"q{n}") for n in range(60)), 50)
        with pytest.raises(M1FlowError, match=r"question_seconds: the endpoint asks to wait 86,400 s; [1-5]"):
            handed.extend(asked.key for asked, _ in turns)
    assert len(handed) == sum(proxy.account.delivered.values()) < 60


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
        turns = chat(proxy, ledger).turns((UserTurn(n, f"q{n}") for n in range(500)), 50)
        with pytest.raises(M1FlowError, match=r"the endpoint rejects every request \(status 400: balance too low"):
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


@pytest.mark.slow
def test_a_question_without_an_answer_is_given_up_and_the_others_go_on(ledger):
    def respond(body, _):
        return (500, {}, "{}") if body["messages"][0]["content"] == "q3" else completion(body)

    handed = []
    with FaultProxy(respond=respond, seconds=0.1) as proxy:
        turns = chat(proxy, ledger, requests_in_flight=2, question_seconds=2).turns(
            (UserTurn(n, f"q{n}") for n in range(60)), 50
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

    monkeypatch.setattr("m1flow.endpoints.run._LONGEST_WAIT", 0.05)
    with FaultProxy(respond=respond) as proxy, pytest.raises(M1FlowError, match="no choices"):
        ask(chat(proxy, ledger), ["question"])
    assert len(proxy.account.requests) == ledger.totals()["all"]["wasted"]["responses"] == 8


def test_an_error_of_the_caller_comes_through(ledger):
    def questions():
        yield UserTurn(0, "q0")
        raise ZeroDivisionError

    with FaultProxy() as proxy, pytest.raises(ZeroDivisionError):
        list(chat(proxy, ledger).turns(questions(), 50))
