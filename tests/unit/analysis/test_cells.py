"""Cells: rows of one model, benchmark, budget and number of extensions, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from m1flow.analysis.cells import COLUMNS, cells


def row(question: str, budget: int, correct: bool, **more) -> dict:
    fixed = {"model": "m", "benchmark": "b", "sample": 0, "extensions": 0, "thinking_tokens": budget}
    fixed |= {"natural_end": True, "parsed_index": 0}
    return fixed | {"question_id": question, "budget": budget, "correct": correct} | more


def test_each_cell_counts_its_own_rows_and_they_are_sorted():
    rows = [
        row("q0", 16, True),
        row("q1", 16, False, natural_end=False, parsed_index=None),
        row("q0", 8, False, thinking_tokens=4),
        row("q1", 8, False, thinking_tokens=8),
        row("q0", 16, True, extensions=1),
    ]
    table = cells(pd.DataFrame(rows))
    assert list(table.columns) == list(COLUMNS)
    assert table[["budget", "extensions", "n", "correct"]].to_numpy().tolist() == [
        [8, 0, 2, 0],
        [16, 0, 2, 1],
        [16, 1, 1, 1],
    ]
    half = table[(table["budget"] == 16) & (table["extensions"] == 0)].iloc[0]
    assert (half["accuracy"], half["truncated_rate"], half["unparsed_rate"]) == (0.5, 0.5, 0.5)
    assert half["ci_low"] < 0.5 < half["ci_high"]
    assert table["thinking_tokens_mean"].iloc[0] == 6


def test_samples_of_a_question_are_no_new_questions():
    """Ten copies of each answer leave the interval as wide as it was."""
    once = [row(f"q{n}", 8, n % 2 == 0) for n in range(20)]
    often = [one | {"sample": sample} for one in once for sample in range(10)]
    narrow, wide = (cells(pd.DataFrame(rows)).iloc[0] for rows in (often, once))
    assert narrow["n"] == 10 * wide["n"]
    assert narrow["ci_high"] - narrow["ci_low"] == pytest.approx(wide["ci_high"] - wide["ci_low"], rel=0.1)
