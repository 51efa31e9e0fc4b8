"""Budgets that were fixed, chosen on other questions, or picked with hindsight."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.analysis.intervals import MACRO
from m1flow.report.figures import accuracy_by_choice
from m1flow.report.page_sections import Section, SectionDeclaration, ShownTable
from m1flow.report.study_tables import overall
from m1flow.study.roster import Model


def make(*, budget_choice: pd.DataFrame, overthinking: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    tables = [
        ShownTable(
            "Does accuracy fall at the end?",
            "Of the smaller budgets the one that does best, with the accuracy under the largest budget less that under "
            "it. p is one-sided, that thinking to the largest budget is worse; Holm's correction is over all smaller "
            "budgets. Only where it is below 0.05 is over-thinking shown.",
            overall(overthinking),
        ),
        ShownTable(
            "The budget of each benchmark",
            "Budget: fixed, most often chosen, or best; its range holds 95% of the choices.",
            budget_choice[budget_choice["benchmark"] != MACRO],
        ),
    ]
    return Section("Which budget?", figures=[accuracy_by_choice.draw(budget_choice, models)], tables=tables)


SECTION = SectionDeclaration(order=20, make=make)
