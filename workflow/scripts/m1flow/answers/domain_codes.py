r"""The domain that an answer names, as a code of a vocabulary.

Rules for naming a code:

1. ``\boxed{...}``, and lines that begin "Code:" or "Answer:". Each of them must read as one term of the vocabulary:
   its code, its name, or both where they agree. Case doesn't count here.
2. Without either: the last line, if the whole line is a term and no other line is a different term. A code must be in
   the vocabulary's own case here, since "in" and "to" are words.

An answer with two different terms, or with other text beside a term, names no domain: a domain is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from m1flow.study.vocabulary import Vocabulary, fold
from m1flow.text.boxes import bare, find_boxes

_CUE = re.compile(r"(?:final\s+)?(?:answer|code)\W*:(.*)", re.IGNORECASE)


def parse_code(answer: str, vocabulary: Vocabulary) -> str | None:
    """The code that an answer plainly names by the rules above, or None."""
    boxes, unclosed = find_boxes(answer)
    if unclosed:
        return None
    outside = "".join(_outside(answer, [(start, end) for _, start, end in boxes]))
    lines = [line for line in outside.splitlines() if fold(line)]
    stated = [content for content, _, _ in boxes if fold(bare(content))]
    cues = [match[1] for line in lines if (match := _CUE.match(line.strip(" \t*_#>-`")))]
    stated += [content for content in cues if fold(content)]
    if stated:
        named = {vocabulary.read(bare(content)) for content in stated}
    else:
        read = [vocabulary.read(bare(line), any_case=False) for line in lines]
        named = {code for code in read if code is not None} if read and read[-1] is not None else set()
    return named.pop() if len(named) == 1 else None


def _outside(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text between spans."""
    starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]
