"""Models behind OpenAI-compatible endpoints: hosted ones, or a server of one's own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from m1flow.chat import Asked, Turn
from m1flow.errors import M1FlowError
from m1flow.ledger import Account, Ledger
from m1flow.storage import fingerprint


class EndpointChat:
    """A model behind ``{url}/chat/completions`` as an `m1flow.chat.Chat`; see docs/endpoints.md for what it survives.

    The key is read from the environment, and is in nothing that this class writes, logs or raises.
    """

    def __init__(self, name: str, spec: Mapping[str, Any], *, ledger: Ledger, purpose: str, thinks: bool):
        """Take an endpoint of the config; nothing is sent yet.

        Args:
            name: of the endpoint, for messages.
            spec: `endpoints.<name>`.
            ledger: where what it bills is entered. The caller closes it.
            purpose: what it is asked for, such as "traces/r1": the ledger adds up by it.
            thinks: the model thinks before it answers: what is cut before a visible end of thinking has no answer.

        Raises:
            M1FlowError: the environment has no usable key.
        """
        self.identity = endpoint_identity(spec, thinks)
        self.name, self.spec, self.purpose, self.thinks, self.ledger = name, spec, purpose, thinks, ledger
        self.started = time.monotonic()
        self.seen: set[int] = set()
        self._key = _read_key(name, spec)
        self._active: Generator[tuple[Asked, Turn]] | None = None

    def __repr__(self) -> str:
        """Without the key."""
        return f"EndpointChat({self.name!r}, model={self.spec['model']!r})"

    def turns(self, asked: Iterable[Asked], max_tokens: int) -> Iterator[tuple[Asked, Turn]]:
        """Ask everything, so many at a time, and yield turns as they come.

        Requests under way go on while the caller works on a turn only as far as the operating system buffers them.

        Raises:
            M1FlowError: once all turns that could be had are handed over: questions without an answer, a limit of the
                config that is reached, or an endpoint that takes no request. A rerun asks only for what is missing.
        """
        self.close()
        self._active = self._turns(asked, max_tokens)
        return self._active

    def close(self) -> None:
        """End the turns that are under way, if their caller left off in the middle, and disconnect."""
        if self._active is not None:
            self._active.close()
            self._active = None

    def _turns(self, asked: Iterable[Asked], max_tokens: int) -> Generator[tuple[Asked, Turn]]:
        from m1flow.endpoint_run import EndpointRun

        account = Account(self.name, self.purpose, fingerprint([self.identity, max_tokens]))
        run = EndpointRun(self, account, self._key, iter(asked), max_tokens)
        with asyncio.Runner() as runner:  # which turns Ctrl-C into a cancellation, instead of an error in any coroutine
            try:
                runner.run(run.open())
                while runner.run(run.more()):
                    while run.ready:
                        yield run.ready.popleft()
                run.check()
            finally:
                runner.run(run.close())


def endpoint_identity(spec: Mapping[str, Any], thinks: bool = False) -> Any:
    """What decides an endpoint's answers beside text, sampling and limit, as far as the config says; not its URL."""
    identity = {"model": spec["model"], "revision": spec.get("revision"), "thinks": thinks}
    changed = {"extra_body": spec.get("extra_body"), "omit": sorted(spec.get("omit", ()))}
    return ["endpoint", identity | {name: value for name, value in changed.items() if value}]


def _read_key(name: str, spec: Mapping[str, Any]) -> str | None:
    variable = spec.get("key_variable")
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise M1FlowError(
            f"endpoints.{name}.key_variable: the environment has no {variable}; "
            "set it to the endpoint's key, then rerun"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise M1FlowError(
            f"endpoints.{name}.key_variable: what the environment has in {variable} can't be a key; "
            "set it without quotes, spaces and line breaks"
        )
    return key
