"""Tables for papers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from m1flow.analysis.intervals import MACRO
from m1flow.analysis.registry import declared
from m1flow.files.csv_tables import write_csv
from m1flow.report.paper_tables import paper_tables, write_paper_tables
from m1flow.report.study_tables import StudyTables

HOSTILE = r"a|b\_%&$#{~^}"


def cells(*rows) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns="model benchmark budget extensions accuracy".split())
    return table.assign(n=100, ci_low=table["accuracy"] - 0.05, ci_high=table["accuracy"] + 0.05)


def save(folder: Path, name: str, rows: pd.DataFrame) -> None:
    """A table of the study with these rows; what they lack is empty."""
    table = declared(name)
    write_csv(folder / f"{name}.csv", rows.reindex(columns=table.names), table.columns)


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
    save(tmp_path, "accuracy", accuracy)
    save(tmp_path, "macro", macro)
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
    assert r"a\textbar{}b\textbackslash{}\_\%\&\$\#\{\textasciitilde{}\textasciicircum{}\}" in body
    read = pd.read_csv(tmp_path / "paper" / "main_results.csv")
    assert set(read["model"]) == {"small", HOSTILE}


def test_published_numbers_of_benchmarks_stand_beside_those_of_the_average(tmp_path):
    row = {"model": "small", "selection": "fixed budget", "budget": 8, "published": 0.5, "accuracy": 0.6}
    save(tmp_path, "published", pd.DataFrame([row | {"benchmark": MACRO}, row | {"benchmark": "medqa"}]))
    [published] = paper_tables(StudyTables({"published": tmp_path / "published.csv"}, {"medqa": 0}))
    assert published.name == "published" and published.rows["benchmark"].tolist() == ["medqa", MACRO]


def test_tests_of_single_benchmarks_give_way_to_those_of_the_average(tmp_path):
    row = {"family": "models", "model": "small", "against_model": "other", "n": 100, "difference": 0.1, "p": 0.5}
    rows = [row | {"benchmark": "medqa"}, row | {"benchmark": MACRO, "n": 200}]
    save(tmp_path, "comparisons", pd.DataFrame(rows))
    [tests] = paper_tables(StudyTables({"comparisons": tmp_path / "comparisons.csv"}, {"medqa": 0}))
    assert tests.name == "paired_tests" and tests.rows["n"].tolist() == ["200"]


def test_signs_of_numbers_are_ones_that_latex_prints(tmp_path):
    row = {"family": "models", "benchmark": "medqa", "model": "small", "against_model": "other", "n": 100}
    row |= {"difference": -0.031, "diff_low": -0.1, "diff_high": 0.04, "effect_size": 0.1, "p": 1e-7, "p_holm": 1e-6}
    save(tmp_path, "comparisons", pd.DataFrame([row]))
    save(tmp_path, "accuracy", cells(("small", "medqa", 8, 0, 0.5)))
    save(tmp_path, "macro", cells(("small", "", 8, 0, 0.5)).assign(benchmarks=1))
    names = ("comparisons", "accuracy", "macro")
    write_paper_tables(StudyTables({name: tmp_path / f"{name}.csv" for name in names}, {}), tmp_path / "paper")
    latex = (tmp_path / "paper" / "paired_tests.tex").read_text(encoding="utf-8")
    assert latex.isascii() and "$-$3.1" in latex and latex.count("$<$0.0001") == 2 and r"p\_holm" in latex
    assert "<" not in latex.replace("$<$", "") and "with 95\\% intervals" in latex
    assert "50.0 (45.0--55.0)" in (tmp_path / "paper" / "main_results.tex").read_text(encoding="utf-8")


def test_names_in_csv_are_no_formulas(tmp_path):
    save(tmp_path, "accuracy", cells(("=1+1", "medqa", 8, 0, 0.5)))
    save(tmp_path, "macro", cells(("=1+1", "", 8, 0, 0.5)).assign(benchmarks=1))
    names = ("accuracy", "macro")
    write_paper_tables(StudyTables({name: tmp_path / f"{name}.csv" for name in names}, {}), tmp_path / "paper")
    assert "\n'=1+1," in (tmp_path / "paper" / "main_results.csv").read_text(encoding="utf-8")
