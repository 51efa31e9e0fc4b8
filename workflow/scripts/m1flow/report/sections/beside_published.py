"""The study's accuracies beside published ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.report.figures import published_differences
from m1flow.report.page_sections import Section, SectionDeclaration, ShownTable
from m1flow.study.roster import Model
from m1flow.study.shipped import PROJECT

PAPER = PROJECT / "config" / "published" / "m1.csv"
"""The m1 paper's numbers."""
ON_THE_PAPER = (
    "Comparable: numbers at the same fixed budget, on benchmarks with as many questions (column n of the figure's "
    "numbers). Not comparable with anything here but the oracle budget: the paper's main table, whose m1 rows are the "
    "best of seven budgets, chosen on the test questions, while its baselines ran once. The paper's PubMedQA benchmark "
    "holds rows that its models were trained on; its decoding, scorer and prompts may differ from this study's in what "
    "the configuration says."
)
"""A note on the numbers in `PAPER`."""
ON_PUBLISHED = (
    "A number at a fixed budget stands beside the same budget here, the best of several budgets beside the oracle "
    "budget, and one without a budget beside the model's only or largest one. Whether the questions, the decoding, the "
    "scorer and the prompts were the same, the source of the numbers must say."
)


def make(*, published: pd.DataFrame, models: Sequence[Model], published_numbers: str) -> Section | None:
    """The section, from tables of the study."""
    if not len(published):
        return None
    names = "model benchmark selection budget published accuracy ci_low ci_high difference diff_low diff_high place"
    side_by_side = ShownTable(
        "Side by side",
        "Each published number with what was measured here in the same way. Intervals of differences take the two as "
        "independent samples of questions.",
        published[names.split()],
    )
    of_the_paper = Path(published_numbers).absolute() == PAPER.absolute()
    return Section(
        "Beside the paper" if of_the_paper else "Beside published numbers",
        ON_THE_PAPER if of_the_paper else ON_PUBLISHED,
        figures=[published_differences.draw(published, models)],
        tables=[side_by_side],
    )


SECTION = SectionDeclaration(order=30, make=make)
