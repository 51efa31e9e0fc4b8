"""Models against each other, in paired tests."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.analysis.intervals import MACRO
from m1flow.report.figures import models_apart
from m1flow.report.page_sections import Section, SectionDeclaration, ShownTable
from m1flow.report.study_tables import overall
from m1flow.study.roster import Model


def make(*, comparisons: pd.DataFrame, replicates: pd.DataFrame, models: Sequence[Model]) -> Section:
    """The section, from tables of the study."""
    columns = (
        "family model budget extensions against_model against_budget against_extensions difference diff_low diff_high "
        "p p_holm effect_size detectable"
    ).split()
    tests = ShownTable(
        "Every paired test",
        "Models, neighbouring budgets, and forced extensions against none, on the same questions"
        f"{' of all benchmarks, each weighing the same' if (comparisons['benchmark'] == MACRO).any() else ''}; "
        "comparisons.csv has each benchmark. p: exact sign flips (McNemar's test with one sample a question), then "
        "after Holm's correction within the family. Effect size: Cohen's h. Detectable: the smallest true difference "
        "that one such test would have found four times in five.",
        overall(comparisons)[columns],
    )
    seeds = ShownTable(
        "Other training seeds",
        "Models that differ in their seed only: the mean accuracy, the standard deviation between seeds, the worst and "
        "the best one. The interval holds both the draw of questions and the draw of seeds.",
        overall(replicates),
    )
    return Section("Models against each other", figures=[models_apart.draw(comparisons, models)], tables=[tests, seeds])


SECTION = SectionDeclaration(order=40, make=make)
