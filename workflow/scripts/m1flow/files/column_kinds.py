"""Kinds of columns in tables, which decide how a column is read, written and shown."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """The kind of a column's content; the value describes it."""

    TEXT = "text"
    FLAG = "true or false"
    COUNT = "a whole number"
    NUMBER = "a number"
    SHARE = "a share, where 1 is the whole"
    POINTS = "a difference of shares, from -1 to 1"
    TOKENS = "tokens, a mean"
    SECONDS = "device-seconds"
    MONEY = "US dollars"
    RATIO = "a ratio"
    EFFECT = "an effect size or a coefficient of agreement"
    LOSS = "nats per token"
    P = "a p-value"

    @property
    def significant(self) -> bool:
        """Whether files keep six significant digits, so that small values aren't rounded to 0; else six decimals."""
        return self in (Kind.P, Kind.SECONDS)
