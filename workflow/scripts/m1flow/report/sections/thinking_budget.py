"""What a larger thinking budget does to accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from m1flow.report.figures import accuracy_by_budget, accuracy_by_tokens, budget_flips
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model


def make(
    *,
    accuracy: pd.DataFrame,
    published: pd.DataFrame,
    flips: pd.DataFrame,
    models: Sequence[Model],
    chance: Mapping[str, float],
) -> Section:
    """The section, from tables of the study."""
    figures = [
        accuracy_by_budget.draw(accuracy, models, chance, published),
        accuracy_by_tokens.draw(accuracy, models, chance),
        budget_flips.draw(flips, models),
    ]
    return Section("Thinking budget", figures=figures)


SECTION = SectionDeclaration(order=10, make=make)
