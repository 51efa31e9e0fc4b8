"""Text from questions, models and files, made safe to show: nothing in it can hide or reorder the text around it."""

from __future__ import annotations

import re

LONGEST = 4000
"""Maximum number of characters shown of any text except traces; a page with every text in full would not open."""

_HIDING = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, except tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # directions and zero width
    "\U000e0000-\U000e007f"  # tags: invisible letters
    "]"
)


def clean(text: object, longest: int = LONGEST) -> str:
    """Text that is safe to show, bounded in length."""
    text = str(text)
    return visible(text[:longest]) + (f" … [{len(text) - longest:,} more characters]" if len(text) > longest else "")


def visible(text: str) -> str:
    """The text, with code points for characters that hide or reorder text, and ``?`` for lone surrogates."""
    return _HIDING.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.encode("utf-8", "replace").decode("utf-8"))


def one_line(reason: object) -> str:
    """An error's message, in one line of at most 200 characters."""
    return " ".join(str(reason).split())[:200]


def in_line(text: str) -> str:
    """Text that is safe to show in one line, for messages."""
    return visible(text).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")
