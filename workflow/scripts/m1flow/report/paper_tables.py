"""Tables for papers: a study's main numbers as CSV, Markdown and LaTeX (booktabs), with values as on the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from m1flow.analysis.intervals import MACRO
from m1flow.analysis.registry import declared
from m1flow.files.atomic import atomic_file
from m1flow.files.column_kinds import Kind
from m1flow.files.csv_tables import write_csv
from m1flow.report.number_formats import written
from m1flow.report.study_tables import StudyTables, overall

_FOR_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"}
    | {"<": "$<$", ">": "$>$", "−": "$-$", "–": "--"}
)
"""Characters that pdflatex fails on, takes for a command, or prints as another character."""


@dataclass(frozen=True)
class PaperTable:
    """One table: the name of its files, a caption, and rows of text."""

    name: str
    caption: str
    rows: pd.DataFrame


def paper_tables(tables: StudyTables) -> list[PaperTable]:
    """The tables, in the order a paper has them; those for which the study has no data are left out."""
    made_tables = [make(tables) for make in (_main, _by_budget, _choices, _tests, _failures, _published)]
    return [table for table in made_tables if len(table.rows)]


def write_paper_tables(tables: StudyTables, folder: Path) -> None:
    """Write ``<name>.csv``, ``<name>.md`` and ``<name>.tex`` of every table."""
    for table in paper_tables(tables):
        write_csv(folder / f"{table.name}.csv", table.rows, dict.fromkeys(table.rows.columns, Kind.TEXT))
        for suffix, text in {"md": _markdown(table), "tex": _latex(table)}.items():
            with atomic_file(folder / f"{table.name}.{suffix}") as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")


def _main(tables: StudyTables) -> PaperTable:
    accuracy, macro = tables["accuracy"], tables["macro"]
    macro = macro[macro["extensions"] == 0].assign(benchmark=MACRO)
    rows = pd.concat([accuracy, macro[macro["benchmarks"] > 1]], ignore_index=True)
    rows = rows[rows["budget"] == rows.groupby(["model", "benchmark"])["budget"].transform("max")]
    return PaperTable(
        "main_results",
        "Accuracy (%) of every model, each under its largest thinking budget, fixed beforehand, with 95% intervals.",
        _crossed(rows.assign(cell=_with_interval(rows)), "benchmark"),
    )


def _by_budget(tables: StudyTables) -> PaperTable:
    macro = tables["macro"]
    rows = macro[macro["extensions"] == 0]
    of = "averaged over benchmarks" if len(rows) and rows["benchmarks"].max() > 1 else "of every model"
    return PaperTable(
        "accuracy_by_budget",
        f"Accuracy (%) {of} by thinking budget in tokens, with 95% intervals.",
        _crossed(rows.assign(cell=_with_interval(rows)).sort_values("budget", kind="stable"), "budget"),
    )


def _choices(tables: StudyTables) -> PaperTable:
    rows = overall(tables["budget_choice"])
    return PaperTable(
        "budget_choice",
        "Accuracy (%) under the largest budget, fixed beforehand; under one chosen on other questions; and under the "
        "oracle budget, picked on the very questions it is scored on. 95% intervals.",
        _crossed(rows.assign(cell=_with_interval(rows)), "way"),
    )


def _tests(tables: StudyTables) -> PaperTable:
    columns = (
        "family model budget extensions against_model against_budget against_extensions n difference diff_low "
        "diff_high effect_size p p_holm detectable"
    ).split()
    return PaperTable(
        "paired_tests",
        "Paired tests on the same questions: differences of accuracy in points with 95% intervals, Cohen's h, p of "
        "sign flips before and after Holm's correction within the family, and the smallest difference that a test "
        "finds with 80% power.",
        _written(overall(tables["comparisons"]), "comparisons", columns),
    )


def _failures(tables: StudyTables) -> PaperTable:
    rows = overall(tables["failures"])
    cells = [f"{100 * row.share:.1f}" for row in rows.itertuples()]
    return PaperTable(
        "failures",
        "Share (%) of questions by what their answers do along the budgets.",
        _crossed(rows.assign(cell=cells), "category"),
    )


def _published(tables: StudyTables) -> PaperTable:
    columns = "model benchmark selection budget published accuracy ci_low ci_high difference diff_low diff_high".split()
    return PaperTable(
        "published",
        "Accuracy beside published numbers measured in the same way; differences in points, with 95% intervals that "
        "take both as independent samples of questions.",
        _written(tables["published"], "published", columns),
    )


def _written(rows: pd.DataFrame, table: str, columns: list[str]) -> pd.DataFrame:
    """Some columns of rows of one of the study's tables, as text."""
    kinds = declared(table).columns
    return pd.DataFrame({name: [written(value, kinds[name]) for value in rows[name]] for name in columns})


def _crossed(rows: pd.DataFrame, across: str) -> pd.DataFrame:
    """A row per model, a column per value of ``across``, both in order of appearance; – where nothing was measured."""
    models, columns = list(dict.fromkeys(rows["model"])), list(dict.fromkeys(rows[across]))
    cells = rows.set_index(["model", across])["cell"]
    crossed = {
        "model": models,
        **{str(column): [cells.get((model, column), "–") for model in models] for column in columns},
    }
    return pd.DataFrame(crossed)


def _with_interval(rows: pd.DataFrame) -> list[str]:
    return [f"{100 * r.accuracy:.1f} ({100 * r.ci_low:.1f}–{100 * r.ci_high:.1f})" for r in rows.itertuples()]


def _markdown(table: PaperTable) -> str:
    # tabulate doesn't escape characters that end a cell.
    rows = table.rows.map(_for_markdown).rename(columns=_for_markdown)
    return f"{table.caption}\n\n{rows.to_markdown(index=False, disable_numparse=True)}\n"


def _latex(table: PaperTable) -> str:
    rows = table.rows.map(_for_latex).rename(columns=_for_latex)
    return rows.to_latex(
        index=False,
        caption=_for_latex(table.caption),
        label=f"tab:{table.name}",
        column_format="l" + "r" * (len(table.rows.columns) - 1),
        position="tb",
    )


def _for_latex(text: str) -> str:
    return text.translate(_FOR_LATEX)


def _for_markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
