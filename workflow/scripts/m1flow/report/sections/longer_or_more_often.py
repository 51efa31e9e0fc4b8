"""Thinking longer, or more often: ways to spend tokens, and what accuracy costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from m1flow.analysis.policy_outcomes import SINGLE, VOTE
from m1flow.report.figures import accuracy_by_total_tokens, cost_front
from m1flow.report.figures.accuracy_by_total_tokens import FAMILIES
from m1flow.report.page_sections import Section, SectionDeclaration, ShownTable
from m1flow.report.study_tables import overall
from m1flow.study.roster import Model


def make(*, policies: pd.DataFrame, matched: pd.DataFrame, pareto: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    equal = ShownTable(
        "At equal thinking tokens",
        "Each row is one total of thinking tokens per question, all samples counted; between two measured cells "
        "accuracy is interpolated, beyond them nothing is said (–). ▲ and ▼: better and worse than one sample with as "
        "many tokens, where the 95% interval of the difference says so.",
        equal_tokens(matched),
    )
    figures = [accuracy_by_total_tokens.draw(policies), cost_front.draw(pareto, models)]
    return Section("Longer, or more often", figures=figures, tables=[equal])


SECTION = SectionDeclaration(order=70, make=make)


def equal_tokens(matched: pd.DataFrame) -> pd.DataFrame:
    """Policies side by side at equal total thinking tokens, a row per model and total.

    Columns: one sample that is cut, one that is forced on, votes of uncut samples, votes of k cut samples; each
    accuracy with its interval, and a mark if it differs from one sample with as many tokens. Rows are macro averages if
    there are any.
    """
    rows = overall(matched[matched["choice"].isin([SINGLE, VOTE])])
    if not len(rows):
        return pd.DataFrame()
    k = rows["samples"].round().astype(int).astype(str)
    ways = rows["family"].map(FAMILIES).where(rows["family"] != "hybrid", k + " " + FAMILIES["hybrid"])
    cells = rows.assign(way=ways, cell=[_cell(row) for row in rows.itertuples()])
    order = dict.fromkeys(cells.sort_values(["family", "samples"], key=_rank)["way"])
    wide = cells.pivot_table("cell", ["model", "benchmark", "thinking_tokens"], "way", aggfunc="first", sort=False)
    wide = wide.reindex(columns=list(order)).fillna("–").sort_index(level=["model", "thinking_tokens"])
    return wide.reset_index().rename_axis(columns=None)


def _rank(column: pd.Series) -> pd.Series:
    return column.map([*FAMILIES].index) if column.name == "family" else column


def _cell(row: Any) -> str:
    sign = "" if pd.isna(row.difference) else "▲ " if row.diff_low > 0 else "▼ " if row.diff_high < 0 else ""
    return f"{sign}{100 * row.accuracy:.1f}% ({100 * row.ci_low:.1f}–{100 * row.ci_high:.1f})"
