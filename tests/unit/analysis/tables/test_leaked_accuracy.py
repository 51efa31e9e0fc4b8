"""Accuracy without what was trained on."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.made_report import run_script
from m1flow.analysis.registry import declared
from m1flow.analysis.tables.leaked_accuracy import leaked_accuracy
from m1flow.files.contracts import CONTRACTS
from m1flow.files.csv_tables import read_csv, write_csv
from m1flow.files.parquet import write_table


@pytest.fixture
def swept() -> pd.DataFrame:
    """A model right on the first three of four questions under 8 tokens, on all under 16; extensions don't count."""
    rows = [
        {"question_id": f"q{n}", "budget": budget, "extensions": extensions, "correct": n < 3 or budget == 16}
        for n in range(4)
        for budget, extensions in ((8, 0), (16, 0), (16, 1))
    ]
    fixed = {"model": "m", "benchmark": "exam", "sample": 0, "thinking_tokens": 5, "natural_end": True}
    return pd.DataFrame(rows).assign(**fixed, parsed_index=0)


def leaked(*pairs: tuple[str, list[str]]) -> pd.DataFrame:
    rows = [{"benchmark": "exam", "question_id": question, "trained_on": held} for question, held in pairs]
    return pd.DataFrame(rows, columns=CONTRACTS["leaked"].names)


def test_accuracy_without_what_was_trained_on(swept):
    table = leaked_accuracy(swept, leaked(("q0", ["d"]), ("q0", ["e"]), ("q1", ["d"]), ("q2", [])))
    assert table[["budget", "n", "accuracy", "unseen_n", "unseen_accuracy"]].to_numpy().tolist() == [
        [8, 4, 0.75, 2, 0.5],
        [16, 4, 1.0, 2, 1.0],
    ]
    assert (table["unseen_ci_low"] < table["unseen_accuracy"]).all()


@pytest.mark.parametrize("found", [leaked(), leaked(("q0", ["d"])).assign(benchmark="other")], ids=["none", "other"])
def test_without_leaks_in_a_benchmark_both_numbers_are_one(swept, found):
    table = leaked_accuracy(swept, found)
    assert table["unseen_n"].tolist() == [4, 4]
    assert table["unseen_accuracy"].tolist() == table["accuracy"].tolist()


def test_where_all_leaked_nothing_is_claimed(swept, tmp_path):
    table = leaked_accuracy(swept, leaked(*((f"q{n}", ["d"]) for n in range(4))))
    columns = declared("leaked_accuracy").columns
    write_csv(tmp_path / "t.csv", table, columns)
    read = read_csv(tmp_path / "t.csv", columns)
    assert read["unseen_n"].tolist() == [0, 0] and read["unseen_accuracy"].isna().all()


def test_the_script_reads_sweeps_and_leaks(tmp_path, swept):
    (tmp_path / "m").mkdir()
    sweep = swept.assign(cue="", permutation=0, answer_tokens=1, outcome="parsed").drop(columns=["model", "benchmark"])
    sweep.to_parquet(tmp_path / "m" / "exam.parquet")
    found = {"benchmark": "exam", "question_id": "q0", "matched_id": "t", "matched_source": "a"}
    found |= {"rule": "same text", "similarity": 100.0, "trained_on": ["d"]}
    write_table(tmp_path / "leaked.parquet", [found], "leaked")
    flags = ["--leakable-sweeps", tmp_path / "m" / "exam.parquet", "--leaked-pairs", tmp_path / "leaked.parquet"]
    flags += ["--out", tmp_path / "leaked_accuracy.csv"]
    run_script("make_table", ["leaked_accuracy", *map(str, flags)])
    assert pd.read_csv(tmp_path / "leaked_accuracy.csv")["unseen_n"].tolist() == [3, 3]
