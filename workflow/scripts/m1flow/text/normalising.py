"""The normal form of questions' text: texts that look the same become equal."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any

_LINE_ENDS = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")


def normalise(text: Any) -> str:
    """The normal form of a text: NFC, entities unescaped, no control characters, single spaces and single newlines.

    Missing values (None, NaN) become "". Idempotent: text that is escaped twice is unescaped twice.
    """
    if text is None or (isinstance(text, float) and text != text):
        return ""
    text = str(text)
    while (cleaned := _clean(text)) != text:
        text = cleaned
    return text


def _clean(text: str) -> str:
    text = html.unescape(_LINE_ENDS.sub("\n", text))
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)).expandtabs(1)
    if not text.isascii() or not text.replace("\n", "").isprintable():
        text = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))
        text = unicodedata.normalize("NFC", text)
    return _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()
