"""Where questions fail, and what the judge named as the cause."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import failure_shares
from m1flow.report.page_sections import Section, SectionDeclaration, ShownTable
from m1flow.study.roster import Model


def make(
    *, failures: pd.DataFrame, error_kinds: pd.DataFrame, judge_agreement: pd.DataFrame, models: Sequence[Model]
) -> Section:
    """The section, from tables of the study."""
    trust = (
        "the next table says how often it agrees with people" if len(judge_agreement) else "how often, nobody measured"
    )
    tables = [
        ShownTable(
            "Knowledge or reasoning?",
            f"What the judge named as the cause of wrong answers, drawn at random. A judge errs; {trust}.",
            error_kinds,
        ),
        ShownTable(
            "Does the judge agree with people?",
            "Answers by their label by hand (rows) and by the judge (columns); in the last row Cohen's kappa, the "
            "agreement beyond chance.",
            judge_agreement,
        ),
    ]
    return Section("Where questions fail", figures=[failure_shares.draw(failures, models)], tables=tables)


SECTION = SectionDeclaration(order=90, make=make)
