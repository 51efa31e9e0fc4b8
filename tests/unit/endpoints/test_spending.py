"""Spending: a request is paid for only where its worst case fits under the cap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.endpoint_chats import PRICE, ask, chat
from helpers.fault_proxy import FaultProxy, completion
from m1flow.chat.turns import UserTurn
from m1flow.endpoints.ledger import Account, Usage
from m1flow.endpoints.spending import Spending
from m1flow.errors import M1FlowError
from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.problems import read


def test_the_cap_is_used_and_never_exceeded(ledger):
    cap = 0.02
    spec = {"price": {"prompt": 1.0, "completion": 10.0}, "spending_cap": cap, "requests_in_flight": 8}
    answered = {}
    with FaultProxy(share=0.2, faults=["empty", "cut", "500"]) as proxy:
        for cap in (0.02, 0.03):
            texts = {n: f"question {n}" for n in range(1000) if n not in answered}
            turns = chat(proxy, ledger, **spec | {"spending_cap": cap}).turns(
                (UserTurn(n, text) for n, text in texts.items()), 50
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


def spending(ledger, **settings) -> Spending:
    entry = {"url": "http://a/v1", "model": "m"} | settings
    return Spending(ledger, Account("far", "test", "session"), read(EndpointSettings, entry))


def test_without_a_price_nothing_is_known_and_nothing_set_aside(ledger):
    unpriced = spending(ledger)
    assert unpriced.cap is None and unpriced.reserve(10**9)
    unpriced.release(10**9)
    assert unpriced.at_most((10**6, 10**6)) == 0 and unpriced.cost(Usage(10, 0, 5)) is None
    assert unpriced.spent == 0


@given(st.text(max_size=40))
def test_a_prompt_has_no_more_tokens_than_bytes_and_a_template(text):
    most = Spending.most_tokens(None, text, 7)
    assert most == (len(text.encode()) + 1024, 7)


def test_what_is_set_aside_counts_until_it_is_released(ledger):
    capped = spending(ledger, price=PRICE, spending_cap=1.0)
    assert capped.reserve(0.75) and capped.spent == pytest.approx(0.75)
    assert not capped.reserve(0.5)
    capped.enter(Usage(10_000, 0, 2_000), at_most=0.75, response_id="r")
    capped.release(0.75)
    assert capped.spent == pytest.approx(0.03) and capped.reserve(0.5)


def test_a_response_dearer_than_its_worst_case_raises_those_that_follow(ledger, caplog):
    capped = spending(ledger, price=PRICE, spending_cap=1.0)
    before = capped.at_most((0, 1000))
    capped.enter(Usage(0, 0, 3000), at_most=before, response_id="r")
    assert capped.at_most((0, 1000)) == pytest.approx(3 * before)
    assert "endpoint far: a response cost $0.0300, more than the $0.0100 that its limit of tokens allows" in caplog.text
