"""Tokens by their texts, and where a text that ends a generation is met in them."""

from __future__ import annotations


def decoder(texts):
    return lambda ids: "".join(texts[token] for token in ids)


def first(end, ids) -> int | None:
    """How many tokens there are when the end is met, asked after each."""
    return next((count for count in range(1, len(ids) + 1) if end.met(ids[:count])), None)
