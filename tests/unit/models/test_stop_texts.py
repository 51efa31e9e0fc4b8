"""A marker that ends a generation is noticed at the token that completes it, however it is cut into tokens."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from helpers.token_texts import decoder, first
from m1flow.models.stop_texts import MarkerEnd

MARKER = "## Final"
TOKENS = ["#", "##", " ", "Fi", "nal", "Final", "## Final", "x## F", "inal y", "\n", "a", "nal. b"]


@given(st.lists(st.integers(0, len(TOKENS) - 1), max_size=12))
@example([9, 6])
@example([7, 8])
def test_a_marker_is_met_at_the_token_that_completes_it(ids):
    decode = decoder(TOKENS)
    expected = next((count for count in range(1, len(ids) + 1) if MARKER in decode(ids[:count])), None)
    end = MarkerEnd(MARKER, decode, TOKENS)
    assert first(end, ids) == expected
    if expected is not None:
        start = end.start(ids[:expected])
        assert MARKER in decode(ids[start:expected]) and MARKER not in decode(ids[start + 1 : expected])


def test_nothing_is_met_before_the_first_token():
    assert not MarkerEnd(MARKER, decoder(TOKENS), TOKENS).met([])
