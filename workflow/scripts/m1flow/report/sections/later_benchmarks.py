"""Benchmarks that came after the pool: what leaked, and accuracy without it."""

from __future__ import annotations

import pandas as pd

from m1flow.report.page_sections import Section, SectionDeclaration, ShownTable


def make(*, leaked: pd.DataFrame, leaked_accuracy: pd.DataFrame) -> Section | None:
    """The section, from tables of the study."""
    if not len(leaked):
        return None
    tables = [
        ShownTable(
            "Benchmark questions that training data ask, too",
            "Found by the same tests that take questions out of the pool; leaked.parquet has the pairs.",
            leaked,
        ),
        ShownTable(
            "Accuracy with and without them",
            "Unseen: only questions that no training data of the study ask, the same for all models.",
            leaked_accuracy,
        ),
    ]
    return Section(
        "Benchmarks that came after the pool",
        "The pool wasn't cleaned of these benchmarks' questions, so models may have been trained on some. Read their "
        "accuracy on unseen questions.",
        tables=tables,
    )


SECTION = SectionDeclaration(order=130, make=make)
