"""A chat that answers from its journal, so that each turn is asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any, Self

from m1flow.chat.progress import Progress
from m1flow.chat.turns import Chat, ModelTurn, UserTurn
from m1flow.files.fingerprints import fingerprint
from m1flow.files.journal import Journal


class JournalledChat:
    """Asks a chat only what its journal doesn't hold, and journals what it says.

    A turn's key is the chat's identity, the text and the sampling. The limit is left out for turns that came to their
    end: what ended under one limit says the same under any that has room for it. A turn that was cut stands for
    its own limit only. Turns are read back from the journal, so memory grows with their number and not their length.
    """

    def __init__(self, identity: Any, chat_factory: Callable[[], Chat], journal: Journal, max_tokens: int):
        """Wrap a chat that is opened once something must be asked. The caller closes the journal."""
        self.max_tokens = max_tokens
        self._identity = fingerprint(identity)
        self._factory, self._journal = chat_factory, journal
        self._chat: Chat | None = None
        self._under_way: set[str] = set()

    def ask(self, asked: Iterable[UserTurn], label: str, total: int) -> None:
        """Have everything answered; what stops it leaves all answers so far in the journal.

        Args:
            asked: the user's turns; equal ones are asked once.
            label: for the progress line.
            total: how many there are.
        """
        with Progress(label, total) as progress:
            missing = self._missing(asked, progress)
            first = next(missing, None)
            if first is None:
                return
            if self._chat is None:
                self._chat = self._factory()
            for one, turn in self._chat.turns(chain([first], missing), self.max_tokens):
                self._journal.append(self._key(one, turn), {"turn": asdict(turn)})
                self._under_way.discard(self._base(one))
                progress.answered(turn)

    def turn(self, asked: UserTurn) -> ModelTurn:
        """What the journal holds.

        Raises:
            KeyError: it was never asked.
        """
        turn = self._stored(asked)
        if turn is None:
            raise KeyError(asked.key)
        return turn

    def close(self) -> None:
        """Close the chat, if it was opened."""
        if self._chat is not None:
            self._chat.close()
            self._chat = None

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _missing(self, asked: Iterable[UserTurn], progress: Progress) -> Iterator[UserTurn]:
        for one in asked:
            key = self._base(one)
            if key in self._under_way or self._stored(one) is not None:
                progress.reused()
            else:
                self._under_way.add(key)
                yield one

    def _stored(self, asked: UserTurn) -> ModelTurn | None:
        base = self._base(asked)
        if (record := self._journal.get(base)) and record["turn"]["completion_tokens"] <= self.max_tokens:
            return ModelTurn(**record["turn"])
        record = self._journal.get(f"{base}-{self.max_tokens}")
        return ModelTurn(**record["turn"]) if record else None

    def _key(self, asked: UserTurn, turn: ModelTurn) -> str:
        # An endpoint that counts otherwise may say more than the limit: then, too, it stands for this limit only.
        whole = turn.finished and turn.completion_tokens <= self.max_tokens
        return self._base(asked) if whole else f"{self._base(asked)}-{self.max_tokens}"

    def _base(self, asked: UserTurn) -> str:
        drawn = asked.sampling
        stream = [drawn.temperature, drawn.top_p, drawn.seed] if drawn.temperature > 0 else "greedy"
        return fingerprint(["turn", self._identity, asked.text, stream])
