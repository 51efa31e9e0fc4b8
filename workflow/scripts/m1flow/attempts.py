"""Attempts: solvers answer the pool, and what all of them get wrong is hard."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from m1flow.parsing import is_right, parse_answer
from m1flow.respondents import Respondent, each

log = logging.getLogger(__name__)


def attempt_rows(solver: Respondent, questions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Let a solver attempt every question; answers are parsed strictly.

    Args:
        solver: who answers; resumable where it has a journal.
        questions: rows of the questions contract.

    Yields:
        Rows of the attempts contract, in the questions' order. A recorded solver leaves out what it has no record of.
    """
    asked = {row["question_id"]: (list(row["options"]), row["answer_index"]) for row in each(questions)}
    for question_id, attempt, turn in solver.turns(questions):
        options, answer_index = asked[question_id]
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


def rate_difficulty(attempts: Sequence[pd.DataFrame], spec: Mapping[str, Any]) -> pd.DataFrame:
    """Which questions are hard: those whose pass rate over all attempts of all solvers is in a range.

    Args:
        attempts: a table for each solver, with question_id and correct.
        spec: ``min_pass_rate`` and ``max_pass_rate``, both inclusive; 0 and 0 by default: everyone wrong every time,
            as in the m1 paper (section 3.1).

    Returns:
        Rows of the difficulty contract, in the first table's order; questions that some solver has no attempt at are
        left out, and counted in the log.
    """
    attempted = [set(table["question_id"]) for table in attempts]
    by_all = set.intersection(*attempted)
    if left_out := len(set.union(*attempted)) - len(by_all):
        log.warning("%d questions lack an attempt of some solver: not rated, so not hard", left_out)
    ids = [question_id for question_id in dict.fromkeys(attempts[0]["question_id"]) if question_id in by_all]
    grouped = pd.concat(list(attempts)).groupby("question_id")["correct"].agg(["size", "sum"]).reindex(ids)
    rate = grouped["sum"].astype(float) / grouped["size"]
    return pd.DataFrame(
        {
            "question_id": ids,
            "attempts": grouped["size"].to_numpy(),
            "correct": grouped["sum"].astype(int).to_numpy(),
            "pass_rate": rate.to_numpy(),
            "hard": rate.between(spec.get("min_pass_rate", 0), spec.get("max_pass_rate", 0)).to_numpy(),
        }
    )
