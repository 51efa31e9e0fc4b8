"""Reliability and risk-coverage curves, at each model's largest budget.

Risk and coverage: Geifman and El-Yaniv 2017, arXiv 1705.08500. For what counts as confidence, see `confidence`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.confidence import ConfidentAnswers, cells_with_confidence, equal_mass, errors_in_order
from m1flow.analysis.intervals import means_with_intervals
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind

COVERAGES = np.arange(1, 21) / 20
RELIABILITY, RISK_COVERAGE = "reliability", "risk_coverage"


def make(*, sweeps: Sequence[Path]) -> pd.DataFrame:
    """Curves of every model, benchmark and kind of confidence, at the model's largest budget.

    Args:
        sweeps: scored sweeps; cells without any log-probability are left out.

    Returns:
        The table's columns: curve is "reliability" (x: mean confidence of a bin of equal mass, y: its accuracy) or
        "risk_coverage" (x: share of questions answered, most confident first, y: share of errors).
    """
    rows = []
    for path in sorted(sweeps):
        for budget, largest, kind, cell, _ in cells_with_confidence(path):
            if largest:
                key = {"model": path.parent.name, "benchmark": path.stem, "budget": budget, "confidence": kind}
                rows += [key | point for point in [*reliability(cell), *risk_coverage(cell)]]
    return pd.DataFrame(rows, columns=TABLE.names)


TABLE = Table(
    title="Points of the reliability and risk-coverage curves",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "confidence": Kind.TEXT,
        "curve": Kind.TEXT,
        "x": Kind.SHARE,
        "y": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "n": Kind.COUNT,
    },
    make=make,
)


def reliability(cell: ConfidentAnswers) -> Iterator[dict]:
    """Points of the reliability curve: bins of equal mass, with 95 % intervals over questions."""
    sure, correct, question = cell.sure[cell.read], cell.correct[cell.read], cell.question[cell.read]
    bins = equal_mass(sure)
    for place in np.unique(bins):
        in_bin = bins == place
        hits = np.bincount(question[in_bin], correct[in_bin], cell.questions)
        counts = np.bincount(question[in_bin], minlength=cell.questions)
        accuracy = float(correct[in_bin].mean())
        low, high = _interval(hits, counts, accuracy)
        point = {"curve": RELIABILITY, "x": sure[in_bin].mean(), "y": accuracy}
        yield point | {"ci_low": low, "ci_high": high, "n": int(in_bin.sum())}


def risk_coverage(cell: ConfidentAnswers) -> Iterator[dict]:
    """Points of the risk-coverage curve, at COVERAGES; ``n`` is the number of answers given."""
    wrong, _ = errors_in_order(cell)
    risk = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    for coverage in COVERAGES:
        given = max(1, round(coverage * len(wrong)))
        yield {"curve": RISK_COVERAGE, "x": given / len(wrong), "y": risk[given - 1], "n": given}


def _interval(hits: np.ndarray, counts: np.ndarray, accuracy: float) -> tuple[float, float]:
    """The interval of an accuracy over questions with different numbers of answers.

    If all questions have the same number of answers, a question counts with its share of right ones; otherwise with its
    contribution to the ratio of right answers to answers (linearised: Cochran 1977, Sampling Techniques, ch. 6).
    """
    hits, counts = hits[counts > 0], counts[counts > 0]
    shares = accuracy + (hits - counts * accuracy) / counts.mean()
    estimate = means_with_intervals({"": shares[:, None]})[""].estimate(0)
    return estimate.low, estimate.high
