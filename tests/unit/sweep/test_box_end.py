"""An answer's end is noticed at the token that closes its first box, however the box is cut into tokens."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from helpers.token_texts import decoder, first
from m1flow.sweep.box_end import BoxEnd

TOKENS = ["\\boxed{", "\\bo", "xed{", "{", "}", "}}", " ", "A", "\\}", "\\text{", "}."]


@given(st.lists(st.integers(0, len(TOKENS) - 1), max_size=12))
@example([0, 7, 4])
@example([1, 2, 6, 7, 10, 7])
@example([0, 4, 0, 9, 7, 5, 7])
@example([0, 8, 7, 3, 4, 4])
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

    decode = decoder(TOKENS)
    expected = next((count for count in range(1, len(ids) + 1) if says_something(decode(ids[:count]))), None)
    assert first(BoxEnd(decode, TOKENS), ids) == expected


def test_nothing_is_met_before_the_first_token():
    assert not BoxEnd(decoder(TOKENS), TOKENS).met([])
