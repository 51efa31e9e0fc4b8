"""The m1 paper's scorer (arXiv 2504.00869, its evaluation code), for comparison: it nearly always finds an option."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from m1flow.answers.outcomes import PARSED, UNPARSED
from m1flow.answers.reading import Parsed
from m1flow.answers.scorer import Answer, Scorer
from m1flow.text.letters import LETTERS

_HUATUO_ANSWER = "## Final Response\n\n"
_ANSWER_IS = re.compile(r"answer is\s*([A-N])")


def read(answer: Answer) -> Parsed:
    r"""Read the answer as the paper's code does; it ignores whether the answer was cut.

    The last \boxed{}, or without one the whole text, is right at once if it equals the right option's text, its letter,
    or "letter. text". Otherwise, after HuatuoGPT-o1: the last "answer is X"; else the last lone capital letter that
    labels an option; else the option whose text comes last; else the option nearest by difflib's ratio.
    """
    text = _boxed_or_all(answer.text)
    if answer.right is not None:
        letter, option = LETTERS[answer.right], answer.options[answer.right]
        if text.lower() in [form.lower() for form in (option, f"{letter}. {option}", letter)]:
            return Parsed(answer.right, PARSED)
    index = _m1_choice(text, answer.options)
    return Parsed(index, PARSED if index is not None else UNPARSED)


SCORER = Scorer(version=1, reads_right_option=True, read=read)


def _m1_choice(text: str, options: Sequence[str]) -> int | None:
    text = text.split(_HUATUO_ANSWER)[-1]
    stated = _ANSWER_IS.findall(text)
    if stated:
        index = "ABCDEFGHIJKLMN".index(stated[-1])
        return index if index < len(options) else None
    # Lone letters, as the original finds them: each match takes the character after it, so "A B" holds one.
    lone = re.findall(rf"(?:[\u4e00-\u9fff]|\W|^)(?![aA] )([{LETTERS[: len(options)]}])(?:\W|[\u4e00-\u9fff]|$)", text)
    if lone:
        return LETTERS.index(lone[-1])
    lowered = text.lower()
    places = [lowered.rfind(option.lower()) for option in options]
    if max(places) >= 0:
        return places.index(max(places))
    nearness = [difflib.SequenceMatcher(None, option.lower(), lowered).ratio() for option in options]
    return max(range(len(options)), key=lambda index: (nearness[index], index))


def _boxed_or_all(text: str) -> str:
    if (start := text.rfind("\\boxed")) >= 0:
        text = _balanced(text, start)
    for command in ("\\boxed", "\\text"):
        if text.startswith(command + "{") and text.endswith("}"):
            text = text[len(command) + 1 : -1]
            if "=" in text:
                text = text.rsplit("=", 1)[1].lstrip(" ")
    return text


def _balanced(text: str, start: int) -> str:
    """The text from ``start`` to the brace that closes the first opened one; the whole text if none does."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0 and text[position] == "}":
            return text[start : position + 1]
    return text
