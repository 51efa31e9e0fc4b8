"""Formats of values on the page and in tables for papers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from m1flow.files.column_kinds import Kind

DIGITS = {
    Kind.TOKENS: 1,
    Kind.RATIO: 1,
    Kind.EFFECT: 2,
    Kind.MONEY: 2,
    Kind.LOSS: 4,
    Kind.SECONDS: 4,
}
"""Digits after the decimal point, by kind; in other kinds, whole numbers have none and fractions have two."""


def written(value: Any, kind: Kind) -> str:
    """A value in the notation of its kind: 12.3%, +1.2, <0.0001, 1,234; – for a missing value."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if kind is Kind.SHARE:
        return f"{100 * value:.1f}%"
    if kind is Kind.POINTS:
        return f"{100 * value:+.1f}".replace("-", "−")
    if kind is Kind.P:
        return "<0.0001" if value < 0.0001 else f"{value:.4f}"
    return f"{value:,.{DIGITS.get(kind, 2 if value % 1 else 0)}f}".replace("-", "−")
