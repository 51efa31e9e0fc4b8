"""Scoring: the options that the answers of a sweep state, and whether they are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from m1flow.answers.reading import is_right
from m1flow.answers.scorer import Answer, Scorer
from m1flow.errors import M1FlowError
from m1flow.questions.option_orders import permuted
from m1flow.study.seams.scorers import SCORERS


def score(generations: pd.DataFrame, questions: pd.DataFrame, scorer: str) -> pd.DataFrame:
    """Score every row of a sweep by its answer segment; thinking is never read.

    Args:
        generations: rows of the generations contract.
        questions: the questions of the benchmark that they answer.
        scorer: the scorer's name.

    Returns:
        The rows with parsed_index (null unless parsed; in the benchmark's order of the options, whatever order the
        row's question was asked in), outcome and correct: the sweeps contract.

    Raises:
        M1FlowError: the scorer is unknown, or the question of a row isn't in the benchmark.
    """
    reader = SCORERS.load(scorer, Scorer)
    by_id: Mapping[str, dict] = {row["question_id"]: row for row in questions.to_dict("records")}
    judged: dict[tuple, tuple[int | None, str, bool]] = {}
    results = []
    columns = ["question_id", "answer_text", "answer_finished", "permutation"]
    for key in zip(*(generations[column] for column in columns), strict=True):
        if key not in judged:  # cells whose thinking ended naturally share their answer
            question_id, text, finished, permutation = key
            if question_id not in by_id:
                raise M1FlowError(
                    f"generations: question_id {question_id!r} is not in the benchmark, "
                    "which has changed since the sweep; rerun the sweep"
                )
            question, order = permuted(by_id[question_id], permutation)
            options, answer_index = question["options"], question["answer_index"]
            right = answer_index if reader.reads_right_option else None
            parsed = reader.read(Answer(text=text, options=options, finished=bool(finished), right=right))
            index = None if parsed.index is None else order[parsed.index]
            judged[key] = (index, parsed.outcome, is_right(parsed.index, options, answer_index))
        results.append(judged[key])
    return generations.assign(
        parsed_index=pd.array([result[0] for result in results], dtype="Int32"),
        outcome=[result[1] for result in results],
        correct=pd.array([result[2] for result in results], dtype="bool"),
    )


def scored_by(scorer: str) -> dict[str, Any]:
    """The scorer's name and version, for the provenance of a scored sweep.

    Raises:
        M1FlowError: there is no such scorer.
    """
    return {"scorer": scorer, "scorer_version": SCORERS.load(scorer, Scorer).version}
