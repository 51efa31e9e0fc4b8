"""Models behind OpenAI-compatible endpoints: hosted ones, or your own server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from m1flow.chat.turns import ModelTurn, UserTurn
from m1flow.endpoints.ledger import Account, Ledger
from m1flow.endpoints.run import Endpoint, EndpointRun
from m1flow.errors import M1FlowError
from m1flow.files.fingerprints import fingerprint
from m1flow.study.settings.endpoints import EndpointSettings


class EndpointChat:
    """A model behind ``{url}/chat/completions`` as a `turns.Chat`; docs/running/endpoints.md lists what it survives.

    The key is read from the environment, and never appears in what this class writes, logs or raises.
    """

    def __init__(self, name: str, settings: EndpointSettings, *, ledger: Ledger, purpose: str, thinks: bool):
        """Set up an endpoint of the config; nothing is sent yet.

        Args:
            name: the endpoint's name, for messages.
            settings: its entry in ``endpoints``.
            ledger: the ledger to enter its bills in. The caller closes it.
            purpose: the stage that asks, such as "traces/r1"; the ledger keeps a sum for each.
            thinks: whether the model thinks before it answers; if so, a text that is cut off before
                thinking visibly ends has no answer.

        Raises:
            M1FlowError: the environment has no usable key.
        """
        self.identity = endpoint_identity(settings, thinks)
        self.name, self.settings, self.purpose = name, settings, purpose
        self._endpoint = Endpoint(name, settings, _read_key(name, settings), ledger, thinks)
        self._active: Generator[tuple[UserTurn, ModelTurn]] | None = None

    def __repr__(self) -> str:
        """The endpoint's name and model, without the key."""
        return f"EndpointChat({self.name!r}, model={self.settings.model!r})"

    def turns(self, user_turns: Iterable[UserTurn], max_tokens: int) -> Iterator[tuple[UserTurn, ModelTurn]]:
        """Ask all turns, several at a time, and yield the answers as they come.

        While the caller works on a turn, requests under way progress only as far as the operating system buffers them.

        Raises:
            M1FlowError: questions have no answer, a limit of the config is reached, or the endpoint accepts no request;
                raised after all available turns are handed over. A rerun asks only for the missing ones.
            KeyboardInterrupt: likewise, after Ctrl-C; the caller isn't interrupted while it works on a turn.
        """
        self.close()
        self._active = self._turns(user_turns, max_tokens)
        return self._active

    def close(self) -> None:
        """End the turns that are still under way if the caller stopped in the middle, and disconnect."""
        if self._active is not None:
            self._active.close()
            self._active = None

    def _turns(self, user_turns: Iterable[UserTurn], max_tokens: int) -> Generator[tuple[UserTurn, ModelTurn]]:
        account = Account(self.name, self.purpose, fingerprint([self.identity, max_tokens]))
        run = EndpointRun(self._endpoint, account, iter(user_turns), max_tokens)
        with asyncio.Runner() as runner, _ctrl_c(lambda: runner.get_loop().call_soon_threadsafe(run.interrupt)):
            try:
                runner.run(run.open())
                while runner.run(run.more()):
                    while run.ready:
                        yield run.ready.popleft()
                run.check()
            finally:
                runner.run(run.close())


@contextlib.contextmanager
def _ctrl_c(on_interrupt: Callable[[], object]) -> Iterator[None]:
    """Let the first Ctrl-C call ``on_interrupt``, and raise KeyboardInterrupt at the end.

    By default, Python raises KeyboardInterrupt at any point of the program: between a response and its entry in the
    ledger, or where errors are swallowed (as in a finalizer) and the program goes on. `asyncio.Runner` handles Ctrl-C
    only while it runs.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        on_interrupt()

    signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


def endpoint_identity(settings: EndpointSettings, thinks: bool = False) -> Any:
    """The settings that decide an endpoint's answers, apart from text, sampling and limit; the URL doesn't count."""
    identity = {"model": settings.model, "revision": settings.revision, "thinks": thinks}
    changed = {"extra_body": settings.extra_body, "omit": sorted(settings.omit)}
    return ["endpoint", identity | {name: value for name, value in changed.items() if value}]


def _read_key(name: str, settings: EndpointSettings) -> str | None:
    variable = settings.key_variable
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise M1FlowError(
            f"endpoints.{name}.key_variable: the environment variable {variable} isn't set; "
            "set it to the endpoint's key, then rerun"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise M1FlowError(
            f"endpoints.{name}.key_variable: the value of the environment variable {variable} can't be a key; "
            "set it without quotes, spaces or line breaks"
        )
    return key
