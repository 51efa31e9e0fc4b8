"""Traces: a teacher explains its answers, and each trace is verified strictly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from m1flow.answers.outcomes import EMPTY, REFUSED, TRUNCATED, UNPARSED, why_unread
from m1flow.answers.reading import is_right
from m1flow.answers.strict import is_refusal, parse_answer
from m1flow.chat.turns import ModelTurn
from m1flow.files.parquet import each
from m1flow.respondents.interface import Respondent
from m1flow.study.settings.teachers import TeacherSettings

VERIFIED, WRONG = "verified", "wrong"

OUTCOMES = {
    VERIFIED: "the answer states the right option, and there is reasoning to learn from",
    WRONG: "the answer states another option",
    UNPARSED: "the answer states no option plainly",
    TRUNCATED: "thinking or answer was cut off by the limit",
    REFUSED: "the teacher, or who serves it, declined to answer",
    EMPTY: "no answer, or an answer without reasoning",
}
"""The outcomes of a trace, in words. Only verified traces are trained on."""


def to_teach(questions: pd.DataFrame, difficulty: pd.DataFrame, teacher: TeacherSettings, seed: int) -> pd.DataFrame:
    """The questions for a teacher: the hard ones, and some drawn from the pool whatever their difficulty.

    Args:
        questions: the pool.
        difficulty: rows of the difficulty contract.
        teacher: the teacher's settings, with ``unfiltered_questions``, the number to draw uniformly from the pool,
            whatever their difficulty. A recorded teacher is asked about the whole pool, since asking is free.
        seed: the study's seed. A larger draw includes a smaller one.

    Returns:
        Their rows in the pool's order, with ``hard`` and ``sampled`` (whether a question is in the uniform draw).
    """
    hard = set(difficulty.loc[difficulty["hard"].astype(bool), "question_id"])
    ids = sorted(
        questions["question_id"], key=lambda question_id: hashlib.sha256(f"{seed}/{question_id}".encode()).digest()
    )
    drawn = set(ids if teacher.kind == "recorded" else ids[: teacher.unfiltered_questions])
    marked = questions.assign(hard=questions["question_id"].isin(hard), sampled=questions["question_id"].isin(drawn))
    return marked[marked["hard"] | marked["sampled"]].reset_index(drop=True)


def trace_rows(teacher: Respondent, questions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Let a teacher explain every question, and verify each trace.

    Args:
        teacher: the respondent; resumable if it has a journal.
        questions: the questions from `to_teach`.

    Yields:
        Rows of the traces contract, in the questions' order; questions for which the teacher has no turn are left out.
    """
    by_id = {row["question_id"]: row for row in each(questions)}
    for question_id, _, turn in teacher.turns(questions):
        row = by_id[question_id]
        index, outcome = verify(turn, list(row["options"]), row["answer_index"], thinks=teacher.thinks)
        yield {
            "question_id": question_id,
            "teacher": teacher.name,
            "reasoning": turn.reasoning.strip(),
            "answer": turn.answer.strip(),
            "parsed_index": index,
            "outcome": outcome,
            "verified": outcome == VERIFIED,
            "prompt_tokens": turn.prompt_tokens,
            "completion_tokens": turn.completion_tokens,
            "cost": turn.cost,
            "hard": row["hard"],
            "sampled": row["sampled"],
        }


def verify(
    turn: ModelTurn, options: Sequence[str], answer_index: int, *, thinks: bool = True
) -> tuple[int | None, str]:
    """The option that a trace's answer states, and the trace's outcome (a key of OUTCOMES).

    Only the answer segment is read, strictly (see `answers.strict`). A trace that was cut always counts as truncated,
    since it is not fit to learn from. With ``thinks``, a trace must contain reasoning.
    """
    unread = why_unread(turn)
    if unread is not None:
        return None, unread
    parsed = parse_answer(turn.answer, options)
    if parsed.index is not None:
        right = is_right(parsed.index, options, answer_index)
        taught = turn.reasoning.strip() or not thinks
        return parsed.index, WRONG if not right else VERIFIED if taught else EMPTY
    return None, REFUSED if parsed.outcome == UNPARSED and is_refusal(turn.answer) else parsed.outcome
