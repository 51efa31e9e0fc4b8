"""The letters that label a question's options."""

from __future__ import annotations

LETTERS = "ABCDEFGHIJ"
"""Labels of the options; a question has at most this many."""
