"""What the order of the options does to answers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import position_bias
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model


def make(*, option_order: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    return Section("The order of the options", figures=[position_bias.draw(option_order, models)])


SECTION = SectionDeclaration(order=100, make=make)
