"""The table of leaks: benchmark questions are counted once, however many training questions ask them."""

from __future__ import annotations

import pandas as pd

from m1flow.analysis.tables.leaked import POOL, TABLE, leaked_table
from m1flow.files.contracts import CONTRACTS


def leaks(*pairs: tuple[str, str, list[str]]) -> pd.DataFrame:
    rows = [{"benchmark": exam, "question_id": asked, "trained_on": held} for exam, asked, held in pairs]
    return pd.DataFrame(rows, columns=CONTRACTS["leaked"].names)


def test_questions_are_counted_once_in_the_pool_and_in_each_dataset():
    found = leaks(("exam", "q0", ["d"]), ("exam", "q0", []), ("exam", "q1", []), ("other", "q0", ["d", "e"]))
    table = leaked_table(found, {"exam": 4, "other": 1, "empty": 0}, ["d", "e"])
    assert list(table.columns) == TABLE.names
    assert table[["benchmark", "dataset", "leaked", "share"]].to_numpy().tolist() == [
        ["exam", POOL, 2, 0.5],
        ["exam", "d", 1, 0.25],
        ["exam", "e", 0, 0.0],
        ["other", POOL, 1, 1.0],
        ["other", "d", 1, 1.0],
        ["other", "e", 1, 1.0],
        ["empty", POOL, 0, 0.0],
        ["empty", "d", 0, 0.0],
        ["empty", "e", 0, 0.0],
    ]
