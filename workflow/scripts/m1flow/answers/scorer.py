"""The declaration of a scorer, with its function that reads an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from m1flow.answers.reading import Parsed


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of a model, as it is given to scorers.

    Attributes:
        text: the answer segment, without the thinking.
        options: the question's options, in the order in which the model saw them.
        finished: whether the text ended by itself, without being cut.
        right: the index of the right option for scorers with ``reads_right_option``, else None.
    """

    text: str
    options: Sequence[str]
    finished: bool = True
    right: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A scorer, one in each file of `answers.scorers`.

    Attributes:
        version: goes up when a change of the scorer can change a reading. Scored sweeps record it.
        reads_right_option: whether the scorer has to know the right option. A scorer that doesn't can't be swayed by
            it.
        read: the function that returns the option that an answer states, or the reason why it states none.
    """

    version: int
    reads_right_option: bool
    read: Callable[[Answer], Parsed]
