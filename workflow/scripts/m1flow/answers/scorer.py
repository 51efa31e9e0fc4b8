"""Scorers: what each one declares, and the function that reads an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from m1flow.answers.reading import Parsed


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of a model, as scorers get it.

    Attributes:
        text: the answer segment, without the thinking.
        options: the question's, in the order in which the model saw them.
        finished: whether the text came to its end by itself.
        right: the index of the right option, for scorers that read it; None for the others.
    """

    text: str
    options: Sequence[str]
    finished: bool = True
    right: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A scorer, one in each file of `answers.scorers`.

    Attributes:
        version: goes up when a change of the scorer can change a reading. A scored sweep says by which it was scored.
        reads_right_option: whether it has to know which option is right. One that doesn't can't be swayed by it.
        read: the option that an answer states, or why it states none.
    """

    version: int
    reads_right_option: bool
    read: Callable[[Answer], Parsed]
