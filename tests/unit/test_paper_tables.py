"""Tables for papers."""

from __future__ import annotations

import pandas as pd
import pytest

from m1flow.number_formats import written
from m1flow.paper_tables import paper_tables, write_paper_tables
from m1flow.statistics import MACRO
from m1flow.study_tables import StudyTables
from m1flow.tables import write_csv

HOSTILE = r"a|b\_%&$#{~^}"


def cells(*rows) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns="model benchmark budget extensions accuracy".split())
    return table.assign(n=100, ci_low=table["accuracy"] - 0.05, ci_high=table["accuracy"] + 0.05)


@pytest.fixture
def tables(tmp_path) -> StudyTables:
    accuracy = cells(
        ("small", "nejm", 8, 0, 0.5),
        ("small", "nejm", 16, 0, 0.6),
        (HOSTILE, "medqa", 0, 0, 0.25),
        ("small", "medqa", 16, 0, 0.7),
    )
    macro = cells(
        ("small", "", 8, 0, 0.5), ("small", "", 16, 0, 0.65), ("small", "", 16, 2, 0.1), (HOSTILE, "", 0, 0, 0.25)
    )
    macro = macro.drop(columns="benchmark").assign(benchmarks=[2, 2, 2, 1])
    write_csv(tmp_path / "accuracy.csv", accuracy)
    write_csv(tmp_path / "macro.csv", macro)
    return StudyTables({name: tmp_path / f"{name}.csv" for name in ("accuracy", "macro")}, {"nejm": 0, "medqa": 1})


def test_main_results_are_at_the_largest_budget_without_extensions(tables):
    main = next(table for table in paper_tables(tables) if table.name == "main_results").rows
    assert list(main.columns) == ["model", "nejm", "medqa", MACRO], "benchmarks in the study's order"
    assert main.set_index("model").loc["small"].tolist() == [
        "60.0 (55.0–65.0)",
        "70.0 (65.0–75.0)",
        "65.0 (60.0–70.0)",
    ]
    assert main.set_index("model").loc[HOSTILE].tolist() == ["–", "25.0 (20.0–30.0)", "–"]


def test_tables_without_rows_are_left_out(tables):
    assert [table.name for table in paper_tables(tables)] == ["main_results", "accuracy_by_budget"]


def test_names_end_no_cell_and_start_no_command(tables, tmp_path):
    write_paper_tables(tables, tmp_path / "paper")
    markdown = (tmp_path / "paper" / "main_results.md").read_text(encoding="utf-8")
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    latex = (tmp_path / "paper" / "main_results.tex").read_text(encoding="utf-8")
    body = latex[latex.index(r"\midrule") :]
    assert r"a|b\textbackslash \_\%\&\$\#\{\textasciitilde \textasciicircum \}" in body
    read = pd.read_csv(tmp_path / "paper" / "main_results.csv")
    assert set(read["model"]) == {"small", HOSTILE}


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (0.1234, "accuracy", "12.3%"),
        (-0.0312, "difference", "−3.1"),
        (0.05, "diff_high", "+5.0"),
        (0.00001, "p_holm", "<0.0001"),
        (0.04, "p", "0.0400"),
        (12345, "n", "12,345"),
        (float("nan"), "p", "–"),
        ("1000", "model", "1000"),
    ],
)
def test_values_are_written_as_their_column_asks(value, column, text):
    assert written(value, column) == text
