"""What it saves and loses to stop thinking early."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import early_exit_savings
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model


def make(*, early_exit: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    return Section("Stopping early", figures=[early_exit_savings.draw(early_exit, models)])


SECTION = SectionDeclaration(order=80, make=make)
