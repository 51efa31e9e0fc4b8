"""Attempts: solvers answer the pool, and their answers are parsed strictly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from m1flow.answers.reading import is_right
from m1flow.answers.strict import parse_answer
from m1flow.files.parquet import each
from m1flow.respondents.interface import Respondent


def attempt_rows(solver: Respondent, questions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Let a solver attempt every question; answers are parsed strictly.

    Args:
        solver: the respondent; resumable if it has a journal.
        questions: rows of the questions contract.

    Yields:
        Rows of the attempts contract, in the questions' order. A recorded solver leaves out questions of which it has
        no record.
    """
    by_id = {row["question_id"]: (list(row["options"]), row["answer_index"]) for row in each(questions)}
    for question_id, attempt, turn in solver.turns(questions):
        options, answer_index = by_id[question_id]
        parsed = parse_answer(turn.answer, options, finished=turn.finished)
        yield {
            "question_id": question_id,
            "attempt": attempt,
            "text": turn.answer,
            "parsed_index": parsed.index,
            "correct": is_right(parsed.index, options, answer_index),
            "tokens": turn.completion_tokens,
            "outcome": parsed.outcome,
            "reasoning": turn.reasoning,
            "prompt_tokens": turn.prompt_tokens,
            "cost": turn.cost,
        }
