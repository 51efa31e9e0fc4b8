"""What more training traces do to accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import data_scale
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model, data_series, shared_budget


def make(*, accuracy: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    series = data_series(list(models))
    compared = series or [model for model in models if model.traces]
    budget = shared_budget(accuracy, [model.name for model in compared])
    budget = int(accuracy["budget"].max()) if budget is None else budget
    return Section("Training data", figures=[data_scale.draw(accuracy, models, series, budget)])


SECTION = SectionDeclaration(order=50, make=make)
