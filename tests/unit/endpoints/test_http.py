"""HTTP to endpoints: the proxy that the environment names is used, and the key goes into a header only."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from helpers.endpoint_chats import CANARY, ask, chat
from helpers.fault_proxy import FaultProxy, completion
from helpers.served_model import free_port
from m1flow.endpoints.http import EndpointHttp, proxy_for
from m1flow.endpoints.protocol import Broken, Passing, Silent
from m1flow.errors import M1FlowError
from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.problems import read


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


def test_proxies_of_the_environment_are_used_but_not_for_this_machine(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://api.example.com/v1") == "http://proxy:3128"
    assert proxy_for("https://inside.example/v1") is None
    assert proxy_for("http://127.0.0.1:8000/v1") is proxy_for("http://localhost/v1") is None


def post(url: str, seconds: float = 5.0) -> tuple:
    async def once():
        http = EndpointHttp(read(EndpointSettings, {"url": url, "model": "m"}), "key")
        try:
            return await http.post(json.dumps({"model": "m", "messages": [{"content": "q"}]}).encode(), seconds)
        finally:
            await http.close()

    return asyncio.run(once())


def test_a_response_comes_with_status_headers_and_body_and_is_not_led_elsewhere():
    with FaultProxy(respond=lambda *_: (307, {"Location": "http://127.0.0.1:1/", "X-A": "b"}, "gone")) as proxy:
        status, headers, body = post(proxy.url + "/")
    assert (status, headers["X-A"], body) == (307, "b", b"gone")


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [("cut", Broken, "a response cut short: status 200"), ("hang", Silent, "no complete response within 1 s")],
)
def test_what_may_have_been_billed_is_told_from_what_was_not(fault, kind, words):
    with FaultProxy(share=1.0, faults=[fault]) as proxy, pytest.raises(Passing, match=words) as caught:
        post(proxy.url, seconds=1.0)
    assert type(caught.value) is kind


def test_where_nobody_listens_nothing_was_billed():
    with pytest.raises(Passing, match="^no connection: ") as caught:
        post(f"http://127.0.0.1:{free_port()}/v1")
    assert type(caught.value) is Passing
