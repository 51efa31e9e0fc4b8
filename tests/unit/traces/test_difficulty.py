"""Difficulty: hard means that everyone failed every time, unless a range says otherwise."""

from __future__ import annotations

import pandas as pd

from m1flow.study.settings.difficulty import DifficultySettings
from m1flow.study.settings.problems import read
from m1flow.traces.difficulty import rate_difficulty


def tables(*outcomes):
    return [pd.DataFrame({"question_id": list("xyz"), "attempt": 0, "correct": list(correct)}) for correct in outcomes]


def test_hard_is_what_all_solvers_get_wrong():
    rated = rate_difficulty(tables([True, False, False], [False, False, True]), read(DifficultySettings, {}))
    assert rated["hard"].tolist() == [False, True, False]
    assert rated["pass_rate"].tolist() == [0.5, 0.0, 0.5] and rated["attempts"].tolist() == [2, 2, 2]


def test_hard_by_a_range_of_pass_rates():
    rated = rate_difficulty(
        tables([1, 0, 0], [1, 0, 1]), read(DifficultySettings, {"min_pass_rate": 0.25, "max_pass_rate": 0.75})
    )
    assert rated["hard"].tolist() == [False, False, True]


def test_rows_are_in_the_first_tables_order_and_nothing_is_said_where_nothing_is_lacking(caplog):
    one, other = tables([1, 0, 0], [1, 0, 1])
    rated = rate_difficulty([one.iloc[[2, 0, 1]], other], read(DifficultySettings, {}))
    assert rated["question_id"].tolist() == ["z", "x", "y"] and not caplog.text


def test_what_some_solver_never_attempted_is_not_rated(caplog):
    one, other = tables([1, 0, 0], [1, 0, 1])
    rated = rate_difficulty([one, other.iloc[1:]], read(DifficultySettings, {}))
    assert rated["question_id"].tolist() == ["y", "z"] and "1 questions lack an attempt" in caplog.text
