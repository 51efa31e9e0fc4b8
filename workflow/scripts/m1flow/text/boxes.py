"""LaTeX boxes in text: their places and contents."""

from __future__ import annotations

import functools
import re

from m1flow.text.normalising import normalise

BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LATEX_TEXT = re.compile(
    r"\\(?:text|textbf|textit|texttt|textrm|textsf|mathrm|mathbf|mathit|mathsf|bm|emph)\s*\{((?:[^{}]|\{[^{}]*\})*)\}"
)


def find_boxes(text: str) -> tuple[list[tuple[str, int, int]], bool]:
    """Complete boxes as (content, start, end), and whether the last one is never closed. Escaped braces don't count."""
    found: list[tuple[str, int, int]] = []
    position = 0
    while match := BOX.search(text, position):
        depth, cursor = 1, match.end()
        while depth and cursor < len(text):
            character = text[cursor]
            if character == "\\":
                cursor += 1
            depth += (character == "{") - (character == "}")
            cursor += 1
        if depth:
            return found, True
        found.append((text[match.end() : cursor - 1], match.start(), cursor))
        position = cursor
    return found, False


def bare(content: str) -> str:
    """A box's content without LaTeX and Markdown around its text."""
    while (unwrapped := _LATEX_TEXT.sub(r"\1", content)) != content:
        content = unwrapped
    content = re.sub(r"\\([%&#_$ ,;])", lambda match: match[1] if match[1] in "%&#_$" else " ", content)
    return squeezed(content.replace("~", " ")).strip("*_$`\"' ")


@functools.lru_cache(maxsize=1 << 14)
def squeezed(text: str) -> str:
    """Normalised text in which every run of blanks is one space."""
    return " ".join(normalise(text).split())


def box_end(text: str) -> int | None:
    """The end of the first box that isn't empty, closing brace included; None without a closed one."""
    boxes, _ = find_boxes(text)
    return next((end for content, _, end in boxes if bare(content)), None)


def boxed(text: str) -> str:
    r"""An answer in the form that the prompt asks for: the option's text in \boxed{}."""
    return rf"\boxed{{{text}}}"
