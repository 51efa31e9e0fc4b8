"""An HTTP server on the loopback that stands before an OpenAI-compatible server and spoils some of its responses.

Without a server behind it, it answers by itself. It keeps its own account of all that went through.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import aiohttp
from aiohttp import web

FAULTS = ("429", "429-seconds", "429-date", "500", "502", "hang", "cut", "invalid", "empty", "other-model", "replay")
UNMETERED = {"hang", "cut", "invalid"}
"""Faults after which nobody knows what was billed."""


@dataclass
class Account:
    """What the proxy saw and sent.

    Attributes:
        requests: arrivals, as (time, question, fault or "").
        delivered: how often a question got its own, whole answer.
        tokens: prompt and completion tokens of all responses that left here whole with their usage.
        responses: how many those are.
        unmetered: how many left in a state that doesn't tell.
        bodies: the requests' bodies.
        keys: the Authorization headers.
    """

    requests: list[tuple[float, str, str]] = field(default_factory=list)
    delivered: Counter = field(default_factory=Counter)
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    responses: int = 0
    unmetered: int = 0
    bodies: list[dict] = field(default_factory=list)
    keys: set = field(default_factory=set)
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def faults(self) -> Counter:
        """How many responses each fault spoiled."""
        return Counter(fault for _, _, fault in self.requests if fault)


class FaultProxy:
    """Runs in a thread of its own while its ``with`` block does.

    Which fault a request meets follows from the seed, its question, and how often that was asked before.
    """

    def __init__(
        self,
        target: str | None = None,
        share: float = 0.0,
        faults: Sequence[str] = FAULTS,
        seed: int = 0,
        respond: Callable[[dict, int], Any] | None = None,
        seconds: float = 0.0,
    ):
        """Spoil a share of the responses.

        Args:
            target: the URL, ending in /v1, of the server behind; None to answer by itself.
            share: of requests that meet a fault.
            faults: drawn evenly.
            seed: decides which request meets which.
            respond: without a target: gives (status, headers, body) or a completion for a request's body and how often
                this question was asked before.
            seconds: how long to wait before each answer of its own.
        """
        self.account = Account()
        self._target, self._share, self._faults, self._seed = target, share, tuple(faults), seed
        self._respond, self._seconds = respond or completion, seconds
        self._asked: Counter = Counter()
        self._last: tuple[str, dict] | None = None

    def __enter__(self) -> FaultProxy:
        """Start."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Stop at once, whatever is under way; stopping twice is harmless."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self, started: threading.Event) -> None:
        asyncio.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/chat/completions", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            started.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        account = self.account
        account.in_flight += 1
        account.most_in_flight = max(account.most_in_flight, account.in_flight)
        try:
            return await self._answer(request)
        finally:
            account.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        question = body["messages"][0]["content"]
        times = self._asked[question]
        self._asked[question] += 1
        drawn = random.Random(f"{self._seed}/{question}/{times}")
        fault = drawn.choice(self._faults) if drawn.random() < self._share else ""
        if fault == "replay" and (self._last is None or self._last[0] == question):
            fault = ""
        account = self.account
        account.requests.append((time.monotonic(), question, fault))
        account.bodies.append(body)
        account.keys.add(request.headers.get("Authorization"))
        if fault in ("429", "429-seconds", "429-date", "500", "502", "hang", "invalid"):
            return await self._without_answer(fault)
        answered = await self._ask(body, times)
        if isinstance(answered, tuple):
            status, headers, text = answered
            return web.Response(status=status, headers=headers, body=text.encode())
        return await self._deliver(request, question, fault, answered)

    async def _without_answer(self, fault: str) -> web.Response:
        self.account.unmetered += fault in UNMETERED
        if fault == "hang":
            await asyncio.sleep(3600)
        date = formatdate(time.time() + 1.5, usegmt=True)
        headers = {"429-seconds": {"Retry-After": "1"}, "429-date": {"Retry-After": date}}
        status = 200 if fault == "invalid" else int(fault[:3])
        text = {"invalid": '{"id": "x", "choices": [', "502": "<html>Bad gateway</html>"}.get(fault, '{"error": {}}')
        return web.Response(status=status, headers=headers.get(fault), text=text)

    async def _ask(self, body: dict, times: int) -> Any:
        if self._target is None:
            if self._seconds:
                await asyncio.sleep(self._seconds)
            return self._respond(body, times)
        async with self._session.post(f"{self._target}/chat/completions", json=body) as response:
            if response.status != 200:
                return response.status, {}, await response.text()
            return await response.json()

    async def _deliver(self, request: web.Request, question: str, fault: str, answer: dict) -> web.StreamResponse:
        if fault == "empty":
            answer = answer | {"choices": []}
        elif fault == "other-model":
            answer = answer | {"model": "another"}
        elif fault == "replay":
            answer = self._last[1]
        elif not fault:
            self._last = question, answer
        whole = json.dumps(answer).encode()
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
        await response.prepare(request)
        if fault == "cut":
            self.account.unmetered += 1
            await response.write(whole[: len(whole) // 2])
            request.transport.close()
            return response
        await response.write(whole)
        account, usage = self.account, answer.get("usage")
        account.responses += usage is not None
        account.unmetered += usage is None
        if usage:
            account.tokens[0] += usage["prompt_tokens"]
            account.tokens[1] += usage["completion_tokens"]
        if not fault:
            account.delivered[question] += 1
        await response.write_eof()
        return response


_numbers = iter(range(1 << 60))


def completion(body: dict, _: int = 0, content: str | None = None, finish: str = "stop", **message: Any) -> dict:
    """A response to a request's body: by default its question in capitals."""
    question = body["messages"][0]["content"]
    content = question.upper() if content is None else content
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content} | message}
        ],
        "usage": {"prompt_tokens": len(question) + 5, "completion_tokens": len(content) + 1},
    }
