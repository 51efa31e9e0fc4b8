"""Texts that end a generation are noticed at the token that completes them, however they are cut into tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from m1flow.models.stop_texts import BoxEnd, MarkerEnd

MARKER = "## Final"
TOKENS = ["#", "##", " ", "Fi", "nal", "Final", "## Final", "x## F", "inal y", "\n", "a", "nal. b"]
BOX_TOKENS = ["\\boxed{", "\\bo", "xed{", "{", "}", "}}", " ", "A", "\\}", "\\text{", "}."]


def decoder(texts):
    return lambda ids: "".join(texts[token] for token in ids)


def first(end, ids) -> int | None:
    """How many tokens there are when the end is met, asked after each."""
    return next((count for count in range(1, len(ids) + 1) if end.met(ids[:count])), None)


@given(st.lists(st.integers(0, len(TOKENS) - 1), max_size=12))
def test_a_marker_is_met_at_the_token_that_completes_it(ids):
    decode = decoder(TOKENS)
    expected = next((count for count in range(1, len(ids) + 1) if MARKER in decode(ids[:count])), None)
    end = MarkerEnd(MARKER, decode, TOKENS)
    assert first(end, ids) == expected
    if expected is not None:
        start = end.start(ids[:expected])
        assert MARKER in decode(ids[start:expected]) and MARKER not in decode(ids[start + 1 : expected])


@given(st.lists(st.integers(0, len(BOX_TOKENS) - 1), max_size=12))
def test_an_answer_ends_where_its_first_box_that_says_something_closes(ids):
    def says_something(text: str) -> bool:
        """By hand: braces counted from the box on, escaped ones passed over."""
        while (place := text.find("\\boxed{")) >= 0:
            content, depth, text, escaped = "", 1, text[place + len("\\boxed{") :], False
            for character in text:
                depth += 0 if escaped else {"{": 1, "}": -1}.get(character, 0)
                escaped = character == "\\" and not escaped
                if depth == 0:
                    break
                content += character
            if depth:
                return False
            text = text[len(content) + 1 :]
            if content.replace("\\text{", "").strip("} "):
                return True
        return False

    decode = decoder(BOX_TOKENS)
    expected = next((count for count in range(1, len(ids) + 1) if says_something(decode(ids[:count]))), None)
    assert first(BoxEnd(decode, BOX_TOKENS), ids) == expected


def test_nothing_is_met_before_the_first_token():
    assert not MarkerEnd(MARKER, decoder(TOKENS), TOKENS).met([])
    assert not BoxEnd(decoder(BOX_TOKENS), BOX_TOKENS).met([])
