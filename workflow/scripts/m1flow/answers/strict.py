r"""The strict parser of answers: it reads only an option that is stated plainly.

Only the answer segment is ever parsed, never the thinking. These count as a statement of the answer:

1. ``\boxed{...}``, the last complete one. It must read as one option: a letter ("A", "(A)", "Option A"), an option's
   text, or both ("A. text") where they agree. An empty box is ignored.
2. Without a box: the first line of the answer, after an optional "Answer:" (or "Final answer:", "Correct answer:",
   "Answer choice:"), if all of it is a letter or an option's text. Else the last line, if it has that cue and nothing
   but an option after it, and every other line with the cue says the same.

If boxes name different options, or only some of them name an option, the last box counts only if it is given as the
answer: it ends the text, its line is the box alone or says "answer", and its option was not boxed and abandoned before.
Anything else is unparsed: an answer is never guessed from the nearest option or the first letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from m1flow.answers.outcomes import EMPTY, PARSED, TRUNCATED, UNPARSED
from m1flow.answers.reading import Parsed, same_text
from m1flow.text.boxes import BOX, bare, find_boxes, squeezed
from m1flow.text.letters import LETTERS

_LETTER = re.compile(r"(?:option\s+|choice\s+)?\(?([A-J])\)?[.:]?", re.IGNORECASE)
_LETTER_AND_TEXT = re.compile(
    r"(?:option\s+|choice\s+)?(?:\(([A-J])\)[.:]?|([A-J])\s?(?:[.):]|\s[-\u2013\u2014]\s))\s*(\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_CUE = re.compile(r"(?:(?:final|correct)\s+)?answer(?:\s+choice)?\s*:", re.IGNORECASE)
_SAYS_ANSWER = re.compile(r"\banswer\b", re.IGNORECASE)
_MARKS = " \t\n*_$`#\"'"
_AFTER_LAST_BOX = re.compile(r"[\s*_$`.#\]\\)-]*")
_REFUSAL = re.compile(
    r"(?:i['\u2019]?m sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)?[\s,.:;]*(?:but\s+)?"
    r"(?:as an ai[^.,]*[,.]?\s*)?"
    r"(?:i\s+(?:can(?:no|['\u2019])t|am (?:not able|unable)|won['\u2019]t|will not|must decline|decline)\b"
    r"|i['\u2019]m (?:not able|unable)\b)",
    re.IGNORECASE,
)


def parse_answer(text: str, options: Sequence[str], *, finished: bool = True) -> Parsed:
    """Read the option that an answer segment states, by the rules above.

    Args:
        text: the answer segment; no thinking.
        options: the question's options.
        finished: whether the text ended by itself. In a text that was cut, only a complete box counts.

    Returns:
        The option and ``parsed``; or None and ``unparsed``, ``truncated`` (cut before an answer was complete) or
        ``empty``.
    """
    boxes, unclosed = find_boxes(text)
    boxes = [box for box in boxes if bare(box[0])]
    if unclosed:
        return Parsed(None, TRUNCATED)
    if boxes:
        index = _settle(text, boxes, options, finished)
    elif not finished:
        return Parsed(None, TRUNCATED)
    elif not text.strip():
        return Parsed(None, EMPTY)
    else:
        index = _first_line(text, options)
        index = _last_line(text, options) if index is None else index
    return Parsed(index, PARSED if index is not None else UNPARSED)


def is_refusal(text: str) -> bool:
    """Whether a text declines to answer in its first words ("I'm sorry, but I can't ...")."""
    return _REFUSAL.match(text.strip()) is not None


def read_option(content: str, options: Sequence[str]) -> int | None:
    """The one option that a short text names by letter, by text, or by both; None if it names none, or two.

    An exact match has precedence over one that differs in case or in a final full stop.
    """
    readings = set()
    for reading in {squeezed(content), bare(content)}:
        readings |= _text_readings(reading, options) | _letter_readings(reading, options)
    return readings.pop() if len(readings) == 1 else None


def _text_readings(reading: str, options: Sequence[str]) -> set[int]:
    if not reading:
        return set()
    exact = {_first_same(options, index) for index, option in enumerate(options) if squeezed(option) == reading}
    if exact:
        return exact
    folded = _folded(reading)
    return {_first_same(options, index) for index, option in enumerate(options) if folded and _folded(option) == folded}


def _letter_readings(reading: str, options: Sequence[str]) -> set[int]:
    if match := _LETTER.fullmatch(reading):
        index = LETTERS.index(match[1].upper())
        return {_first_same(options, index)} if index < len(options) else set()
    if match := _LETTER_AND_TEXT.fullmatch(reading):
        index = LETTERS.index((match[1] or match[2]).upper())
        named = _text_readings(match[3].strip(), options)
        # "E. coli" is a label and a text only where some option says "coli"; then the two must name the same option.
        return named | {_first_same(options, index)} if named and index < len(options) else set()
    return set()


def _first_same(options: Sequence[str], index: int) -> int:
    return next(first for first, option in enumerate(options) if same_text(option, options[index]))


def _settle(text: str, boxes: list[tuple[str, int, int]], options: Sequence[str], finished: bool) -> int | None:
    read = [read_option(content, options) for content, _, _ in boxes]
    if len(set(read)) == 1:
        return read[-1]
    changed = max(place for place, index in enumerate(read) if index != read[-1])
    if read[-1] in read[:changed]:
        return None
    _, start, end = boxes[-1]
    before = text[text.rfind("\n", 0, start) + 1 : start]
    alone = not before.strip(_MARKS + "[\\(")
    given = (alone or _SAYS_ANSWER.search(before) is not None) and not BOX.search(before)
    return read[-1] if finished and given and _AFTER_LAST_BOX.fullmatch(text, end) else None


def _first_line(text: str, options: Sequence[str]) -> int | None:
    stripped = text.strip(_MARKS)
    cue = _CUE.match(stripped)
    stated = stripped[cue.end() :].strip(_MARKS) if cue else stripped
    return read_option(stated.split("\n", 1)[0].strip(_MARKS), options)


def _last_line(text: str, options: Sequence[str]) -> int | None:
    lines = [line.strip(_MARKS) for line in text.split("\n") if any(map(str.isalnum, line))]
    stated = {place: line[cue.end() :] for place, line in enumerate(lines) if (cue := _CUE.match(line))}
    readings = {read_option(option.strip(_MARKS), options) for option in stated.values()}
    return readings.pop() if len(readings) == 1 and len(lines) - 1 in stated else None


def _folded(text: str) -> str:
    return squeezed(text).casefold().rstrip(". ")
