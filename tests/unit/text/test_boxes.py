"""Boxes: what a box holds is found whatever braces it has, and an open one is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.text.boxes import bare, box_end, boxed, find_boxes

balanced = st.recursive(
    st.text("ab \\{}", max_size=6).map(lambda text: text.replace("\\", "\\\\").replace("{", "\\{").replace("}", "\\}")),
    lambda inner: st.tuples(inner, inner).map(lambda pair: f"{pair[0]}{{{pair[1]}}}"),
    max_leaves=4,
)


@given(st.lists(st.tuples(st.text("x {}", max_size=5), balanced), max_size=4))
def test_every_box_is_found_with_its_content_and_place(parts):
    text = "".join(prose + boxed(content) for prose, content in parts)
    found, still_open = find_boxes(text)
    assert [content for content, _, _ in found] == [content for _, content in parts] and not still_open
    assert all(text[start:end] == boxed(content) for content, start, end in found)


@given(balanced, st.data())
def test_a_box_that_is_cut_off_is_open_and_no_box(content, data):
    text = boxed(content)
    cut = data.draw(st.integers(len(r"\boxed{"), len(text) - 1))
    assert find_boxes(r"\fbox {1}" + text[:cut]) == ([("1", 0, 9)], True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (r"\text{\textbf{A}}", "A"),
        (r"\text{a {b} c}", "a {b} c"),
        ("**A**", "A"),
        (r"50\%", "50%"),
        (r"vitamin~K\ now", "vitamin K now"),
        ("$`x`$", "x"),
        ("two\n lines &amp; more", "two lines & more"),
        (r"\frac{1}{2}", r"\frac{1}{2}"),
        (r"\text{}", ""),
    ],
)
def test_a_content_is_bared_of_markup_only(content, expected):
    assert bare(content) == expected


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (r"\boxed{A} and more", 9),
        (r"in \boxed{}: \boxed{A} or \boxed{B}", 22),
        (r"\boxed{\text{ }} only", None),
        (r"\boxed{A", None),
        ("no box", None),
    ],
)
def test_the_end_is_of_the_first_box_that_says_something(text, end):
    assert box_end(text) == end
