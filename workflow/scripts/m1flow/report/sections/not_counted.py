"""Thinking that was cut, and answers that could not be read."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import unfinished
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model


def make(*, accuracy: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    return Section("What was not counted as an answer", figures=[unfinished.draw(accuracy, models)])


SECTION = SectionDeclaration(order=120, make=make)
