"""User turns, a model's turns, and the interface of chats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from m1flow.engines.interface import Sampling


@dataclass(frozen=True)
class UserTurn:
    """One user's turn.

    Attributes:
        key: the caller's own, handed back.
        text: the user's message.
        sampling: how tokens are drawn.
    """

    key: Any
    text: str
    sampling: Sampling = Sampling()


@dataclass(frozen=True)
class ModelTurn:
    """One turn of a model.

    Attributes:
        reasoning: its thinking; "" for one that answers directly.
        answer: the answer segment; "" where the thinking was cut.
        prompt_tokens: of the prompt.
        completion_tokens: thinking, markers that the model produced, and answer.
        finished: thinking and answer both came to their end.
        refused: whoever serves the model refused to answer.
        cached_tokens: of the prompt tokens, those billed as cached.
        cost: US dollars; None where there is no price.
    """

    reasoning: str
    answer: str
    prompt_tokens: int
    completion_tokens: int
    finished: bool
    refused: bool = False
    cached_tokens: int = 0
    cost: float | None = None


class SamplingSettings(Protocol):
    """Sampling settings of every entry that asks a model."""

    @property
    def temperature(self) -> float:
        """0 is greedy."""

    @property
    def top_p(self) -> float:
        """Tokens are drawn from the likeliest that make up this share of probability."""


def sampling_for(settings: SamplingSettings, seed: int, question_id: str, attempt: int = 0) -> Sampling:
    """Greedy, or a stream of the question's and attempt's own, so that no other question changes it."""
    if settings.temperature == 0:
        return Sampling()
    digest = hashlib.sha256(f"{seed}/{question_id}/{attempt}".encode()).digest()
    return Sampling(settings.temperature, settings.top_p, int.from_bytes(digest[:4], "big") >> 1)


class Chat(Protocol):
    """A model that takes turns. ``identity`` is all that decides its turns beside text, sampling and limit."""

    identity: Any

    def turns(self, user_turns: Iterable[UserTurn], max_tokens: int) -> Iterator[tuple[UserTurn, ModelTurn]]:
        """Yield turns as they finish. ``user_turns`` is taken lazily, so that memory doesn't grow with its length.

        Thinking and answer together have at most ``max_tokens``; thinking that reaches the limit has no answer.
        """

    def close(self) -> None:
        """Free its resources."""
