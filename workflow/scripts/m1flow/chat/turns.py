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
        key: the caller's own key, handed back with the answer.
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
        reasoning: the thinking; "" for a model that answers directly.
        answer: the answer segment; "" where the thinking was cut.
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens of thinking, of markers that the model produced, and of the answer.
        finished: whether thinking and answer both ended by themselves.
        refused: whether the model's server refused to answer.
        cached_tokens: prompt tokens that were billed as cached.
        cost: US dollars; None without a price.
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
    """The sampling settings that every config entry that asks a model has."""

    @property
    def temperature(self) -> float:
        """The sampling temperature; 0 is greedy."""

    @property
    def top_p(self) -> float:
        """The share of probability that the likeliest tokens must reach together; only these are drawn from."""


def sampling_for(settings: SamplingSettings, seed: int, question_id: str, attempt: int = 0) -> Sampling:
    """Greedy sampling, or a random stream per question and attempt, independent of all other questions."""
    if settings.temperature == 0:
        return Sampling()
    digest = hashlib.sha256(f"{seed}/{question_id}/{attempt}".encode()).digest()
    return Sampling(settings.temperature, settings.top_p, int.from_bytes(digest[:4], "big") >> 1)


class Chat(Protocol):
    """A model that takes turns. ``identity`` is all that decides its turns, apart from text, sampling and limit."""

    identity: Any

    def turns(self, user_turns: Iterable[UserTurn], max_tokens: int) -> Iterator[tuple[UserTurn, ModelTurn]]:
        """Yield turns as they finish. ``user_turns`` is taken lazily, so that memory doesn't grow with its length.

        Thinking and answer together take at most ``max_tokens`` tokens; thinking that reaches the limit has no answer.
        """

    def close(self) -> None:
        """Free the chat's resources."""
