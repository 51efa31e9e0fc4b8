"""Macro averages: each benchmark counts the same, and a mean of fewer is none."""

from __future__ import annotations

import pandas as pd
import pytest

from m1flow.analysis.tables.macro import TABLE, macro_average


def rows(benchmark: str, right: int, count: int, budget: int = 8) -> list[dict]:
    fixed = {"model": "m", "benchmark": benchmark, "budget": budget, "extensions": 0, "thinking_tokens": len(benchmark)}
    return [fixed | {"question_id": f"q{n}", "correct": n < right} for n in range(count)]


def test_benchmarks_count_the_same_whatever_their_size():
    table = macro_average(pd.DataFrame(rows("a", 4, 4) + rows("bbb", 0, 40)))
    assert list(table.columns) == TABLE.names
    (average,) = table.to_dict("records")
    assert (average["benchmarks"], average["n"], average["thinking_tokens_mean"]) == (2, 44, 2)
    assert average["accuracy"] == pytest.approx(0.5) and average["ci_low"] < 0.5 < average["ci_high"]


def test_a_budget_that_a_benchmark_lacks_has_no_average():
    table = macro_average(pd.DataFrame(rows("a", 4, 8) + rows("b", 4, 8) + rows("a", 8, 8, budget=16)))
    assert table["budget"].tolist() == [8]
    assert macro_average(pd.DataFrame(rows("a", 2, 8)))["accuracy"].tolist() == [0.25], "one benchmark is its own mean"
