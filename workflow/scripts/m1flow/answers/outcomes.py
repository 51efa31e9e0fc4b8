"""Names of the outcomes of answers, and the reasons why a turn has no answer to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

PARSED, UNPARSED, TRUNCATED, EMPTY, REFUSED = "parsed", "unparsed", "truncated", "empty", "refused"

T = TypeVar("T")


class FinishedTurn(Protocol):
    """One turn of a model, such as a `chat.turns.ModelTurn`."""

    @property
    def answer(self) -> str:
        """The answer segment."""

    @property
    def finished(self) -> bool:
        """Whether thinking and answer are both complete."""

    @property
    def refused(self) -> bool:
        """Whether the model's server refused to answer."""


def why_unread(turn: FinishedTurn) -> str | None:
    """The reason why a turn has no answer to read: refused, truncated or empty; None if it has one.

    A turn that was cut counts as truncated, whatever its text.
    """
    if turn.refused:
        return REFUSED
    if not turn.finished:
        return TRUNCATED
    return None if turn.answer.strip() else EMPTY


def read_turn(turn: FinishedTurn, read: Callable[[str], T | None], success: str = PARSED) -> tuple[T | None, str]:
    """The reading of a turn's answer, and the outcome.

    Args:
        turn: the model's turn.
        read: reads a complete answer; returns None if the answer states nothing plainly.
        success: the outcome of an answer that could be read.

    Returns:
        The reading and ``success``; or None and refused, truncated, empty or unparsed.
    """
    outcome = why_unread(turn)
    if outcome is not None:
        return None, outcome
    value = read(turn.answer)
    return value, UNPARSED if value is None else success
