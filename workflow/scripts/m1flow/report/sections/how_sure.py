"""How sure models are, and how often they are right."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import reliability, risk_coverage
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model


def make(*, calibration: pd.DataFrame, calibration_curves: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    figures = [
        reliability.draw(calibration_curves, calibration, models),
        risk_coverage.draw(calibration_curves, calibration, models),
    ]
    return Section("How sure it is", figures=figures)


SECTION = SectionDeclaration(order=110, make=make)
