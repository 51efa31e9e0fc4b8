"""How the values of each column are written, on the page and in tables for papers."""

from __future__ import annotations

from typing import Any

import pandas as pd

SHARES = frozenset(
    name + suffix
    for suffix in ("", "_low", "_high")
    for name in (
        "accuracy against_accuracy published ci truncated_rate unparsed_rate share thinking_saved saved tolerance "
        "confidence_mean ece ece_by_chance rms rms_error brier "
        "aurc aurc_best aurc_random option_mass detectable agreement seed_sd lowest highest "
        "always_right sometimes_right never_right same_choice "
        "unseen_accuracy unseen_ci"
    ).split()
)
"""Shown in percent."""
DIFFERENCES = frozenset(
    name + suffix for suffix in ("", "_low", "_high") for name in "difference diff change overconfidence".split()
)
"""Shown in percentage points, with their sign."""
P_VALUES = frozenset("p p_holm".split())
DIGITS = {
    "thinking_tokens_mean": 1,
    "thinking_tokens": 1,
    "answer_tokens": 1,
    "probe_tokens": 1,
    "ratio": 1,
    "effect_size": 2,
    "kappa": 2,
    "kappa_low": 2,
    "kappa_high": 2,
    "cost": 2,
    "billed_cost": 2,
    "first_loss": 4,
    "last_loss": 4,
    "seconds": 4,
}
"""Digits after the point; where a column isn't named none, of a fraction two."""


def written(value: Any, column: str) -> str:
    """A value as its column is written: 12.3%, +1.2, <0.0001, 1,234; – for none."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if column in SHARES:
        return f"{100 * value:.1f}%"
    if column in DIFFERENCES:
        return f"{100 * value:+.1f}".replace("-", "−")
    if column in P_VALUES:
        return "<0.0001" if value < 0.0001 else f"{value:.4f}"
    return f"{value:,.{DIGITS.get(column, 2 if value % 1 else 0)}f}".replace("-", "−")
