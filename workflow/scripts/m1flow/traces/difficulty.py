"""Difficulty: each question's pass rate over all attempts, and whether it is hard."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pandas as pd

from m1flow.study.settings.difficulty import DifficultySettings

log = logging.getLogger(__name__)


def rate_difficulty(attempts: Sequence[pd.DataFrame], settings: DifficultySettings) -> pd.DataFrame:
    """Rate questions: a question is hard if its pass rate over all attempts of all solvers is in a range.

    Args:
        attempts: a table for each solver, with question_id and correct.
        settings: ``min_pass_rate`` and ``max_pass_rate``, both inclusive; with 0 and 0, every attempt has to be
            wrong, as in the m1 paper (section 3.1).

    Returns:
        Rows of the difficulty contract, in the first table's order; questions that some solver has not attempted are
        left out, and counted in the log.
    """
    attempted = [set(table["question_id"]) for table in attempts]
    by_all = set.intersection(*attempted)
    if left_out := len(set.union(*attempted)) - len(by_all):
        log.warning("%d questions lack an attempt by some solver: they aren't rated, so they aren't hard", left_out)
    ids = [question_id for question_id in dict.fromkeys(attempts[0]["question_id"]) if question_id in by_all]
    grouped = pd.concat(list(attempts)).groupby("question_id")["correct"].agg(["size", "sum"]).reindex(ids)
    rate = grouped["sum"].astype(float) / grouped["size"]
    return pd.DataFrame(
        {
            "question_id": ids,
            "attempts": grouped["size"].to_numpy(),
            "correct": grouped["sum"].astype(int).to_numpy(),
            "pass_rate": rate.to_numpy(),
            "hard": rate.between(settings.min_pass_rate, settings.max_pass_rate).to_numpy(),
        }
    )
