"""The strict scorer: it takes only an option that is plainly stated."""

from __future__ import annotations

from m1flow.answers.reading import Parsed
from m1flow.answers.scorer import Answer, Scorer
from m1flow.answers.strict import parse_answer


def read(answer: Answer) -> Parsed:
    """Read the answer with the parser of `answers.strict`."""
    return parse_answer(answer.text, answer.options, finished=answer.finished)


SCORER = Scorer(version=1, reads_right_option=False, read=read)
