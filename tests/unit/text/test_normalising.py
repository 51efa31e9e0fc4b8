"""Normalising: what looks the same becomes the same text, and stays it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.text.normalising import normalise

texts = st.text(max_size=40)
markup = st.lists(
    st.sampled_from(["&amp;", "&lt;", "&#0;", "&", "amp;", " ", "\r", "\n", "\u200b", "e\u0301", "\x00", "x"])
).map("".join)


@given(texts | markup)
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()
    assert "  " not in once and "\n\n" not in once and "\r" not in once and "\x00" not in once


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("T&lt;sub&gt;4", "T<sub>4"),
        ("AT&amp;amp;T", "AT&T"),
        ("cafe\u0301\u00a0 au  lait", "caf\u00e9 au lait"),
        ("a\r\n \n\tb\x07", "a\nb"),
        ("zero\u200bwidth", "zerowidth"),
        ("lone \ud800 surrogate", "lone surrogate"),
        (None, ""),
        (float("nan"), ""),
        (7, "7"),
    ],
)
def test_normalise(raw, clean):
    assert normalise(raw) == clean
