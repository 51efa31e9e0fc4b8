"""An endpoint's client as tests open it, and all answers to some texts."""

from __future__ import annotations

from m1flow.chat.turns import UserTurn
from m1flow.endpoints.client import EndpointChat
from m1flow.engines.interface import Sampling
from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.problems import read

CANARY = "sk-canary-7d1f0c55e2b94a"
GREEDY = Sampling()
PRICE = {"prompt": 1.0, "cached_prompt": 0.1, "completion": 10.0}


def chat(proxy, ledger, thinks=False, **spec) -> EndpointChat:
    url = proxy if isinstance(proxy, str) else proxy.url
    settings = {"url": url, "model": "tiny", "requests_in_flight": 16, "question_seconds": 30, "request_seconds": 5}
    return EndpointChat("local", read(EndpointSettings, settings | spec), ledger=ledger, purpose="test", thinks=thinks)


def ask(opened: EndpointChat, texts, max_tokens=50, sampling=GREEDY) -> dict:
    turns = list(opened.turns((UserTurn(n, text, sampling) for n, text in enumerate(texts)), max_tokens))
    assert len({asked.key for asked, _ in turns}) == len(turns)
    return {asked.key: turn for asked, turn in turns}
