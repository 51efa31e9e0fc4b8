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
    """Asks a chat only for turns that aren't in its journal, and journals the new ones.

    A turn's key is the chat's identity, the text and the sampling. The limit is not part of the key of
    turns that ended by themselves: such a turn is the same under any limit that has room for it. A turn that was cut
    counts for its own limit only. Turns are read back from the journal, so memory grows with their number, not their
    length.
    """

    def __init__(self, identity: Any, chat_factory: Callable[[], Chat], journal: Journal, max_tokens: int):
        """Wrap a chat that is opened on first use. The caller closes the journal."""
        self.max_tokens = max_tokens
        self._identity = fingerprint(identity)
        self._factory, self._journal = chat_factory, journal
        self._chat: Chat | None = None
        self._under_way: set[str] = set()

    def ask(self, user_turns: Iterable[UserTurn], label: str, total: int) -> None:
        """Get all turns answered; if interrupted, the answers so far stay in the journal.

        Args:
            user_turns: the user's turns; equal ones are asked once.
            label: the label of the progress line.
            total: number of turns.
        """
        with Progress(label, total) as progress:
            missing = self._missing(user_turns, progress)
            first = next(missing, None)
            if first is None:
                return
            if self._chat is None:
                self._chat = self._factory()
            for user_turn, turn in self._chat.turns(chain([first], missing), self.max_tokens):
                self._journal.append(self._key(user_turn, turn), {"turn": asdict(turn)})
                self._under_way.discard(self._base(user_turn))
                progress.answered(turn)

    def turn(self, user_turn: UserTurn) -> ModelTurn:
        """The journalled turn of the model.

        Raises:
            KeyError: the turn was never asked.
        """
        turn = self._stored(user_turn)
        if turn is None:
            raise KeyError(user_turn.key)
        return turn

    def close(self) -> None:
        """Close the chat, if it was opened."""
        if self._chat is not None:
            self._chat.close()
            self._chat = None

    def __enter__(self) -> Self:
        """Return self, which the end of the ``with`` block closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _missing(self, user_turns: Iterable[UserTurn], progress: Progress) -> Iterator[UserTurn]:
        for user_turn in user_turns:
            key = self._base(user_turn)
            if key in self._under_way or self._stored(user_turn) is not None:
                progress.reused()
            else:
                self._under_way.add(key)
                yield user_turn

    def _stored(self, user_turn: UserTurn) -> ModelTurn | None:
        base = self._base(user_turn)
        if (record := self._journal.get(base)) and record["turn"]["completion_tokens"] <= self.max_tokens:
            return ModelTurn(**record["turn"])
        record = self._journal.get(f"{base}-{self.max_tokens}")
        return ModelTurn(**record["turn"]) if record else None

    def _key(self, user_turn: UserTurn, turn: ModelTurn) -> str:
        # An endpoint may count more tokens than the limit; such a turn, too, counts for this limit only.
        whole = turn.finished and turn.completion_tokens <= self.max_tokens
        return self._base(user_turn) if whole else f"{self._base(user_turn)}-{self.max_tokens}"

    def _base(self, user_turn: UserTurn) -> str:
        sampling = user_turn.sampling
        stream = [sampling.temperature, sampling.top_p, sampling.seed] if sampling.temperature > 0 else "greedy"
        return fingerprint(["turn", self._identity, user_turn.text, stream])
