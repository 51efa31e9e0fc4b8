"""Texts that are shown: what would hide or reorder others is spelled out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from m1flow.text.shown import LONGEST, clean, in_line, one_line, visible


def test_text_is_cleaned_of_what_hides_or_reorders():
    assert clean("a\u202eb\x00c\ud800d\n\te") == "a⟨U+202E⟩b⟨U+0000⟩c?d\n\te"
    assert clean("x\U000e0041\u200by") == "x⟨U+E0041⟩⟨U+200B⟩y"
    assert len(clean("x" * 10**6)) < LONGEST + 40


@given(st.text())
def test_shown_text_can_be_written_and_shown_again_without_change(text):
    shown = visible(text)
    assert visible(shown) == shown == shown.encode("utf-8").decode("utf-8")


@given(st.text(st.characters(codec="ascii") | st.sampled_from("\u2028\x85\n\r\t\v")))
def test_a_message_is_one_line(text):
    assert len(in_line(f"x{text}").splitlines()) == 1


def test_a_cut_text_says_how_much_is_missing():
    assert clean("abcdef", longest=4) == "abcd … [2 more characters]"
    assert clean("abcd", longest=4) == "abcd" and clean(7) == "7"


def test_an_errors_reason_is_one_line_of_200_characters():
    assert one_line(ValueError("a\n  b\tc")) == "a b c"
    assert one_line("x" * 300) == "x" * 200
