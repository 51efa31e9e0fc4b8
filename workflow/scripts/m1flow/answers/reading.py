"""Readings of answers: the option that an answer states, if any, and whether it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from m1flow.text.boxes import squeezed


@dataclass(frozen=True)
class Parsed:
    """The reading of a text: an option (the first index if two have the same text), or None and the reason."""

    index: int | None
    outcome: str


def same_text(one: str, other: str) -> bool:
    """Whether two options have equal text, white space aside. Case counts ("Aa" and "aa" are two genotypes)."""
    return squeezed(one) == squeezed(other)


def is_right(index: int | None, options: Sequence[str], answer_index: int) -> bool:
    """Whether a parsed option is the right one, or has the same text."""
    return index is not None and same_text(options[index], options[answer_index])
