"""Calibration: is a model right as often as its confidence says, and does it know which answers to withhold?

Scores and their sources:
    Overconfidence: mean confidence minus accuracy.
    Expected calibration error (ECE), ten bins of equal width: Naeini, Cooper and Hauskrecht 2015, AAAI; Guo et al.
        2017, arXiv 1706.04599. Bins of equal mass: Nixon et al. 2019, arXiv 1904.01685. ECE is biased upwards, because
        the noise of the bins never cancels; ``ece_by_chance`` is the ECE to expect of a perfectly calibrated model on
        as many questions.
    Root mean square calibration error without that bias: Kumar, Liang and Ma 2019, arXiv 1909.10155, section 4, with
        variances over questions as clusters; bins of equal mass.
    Brier score: Brier 1950, Mon. Weather Rev. 78:1, for the event "the answer is right".
    Risk and coverage, and the area under their curve (AURC): Geifman and El-Yaniv 2017, arXiv 1705.08500; Geifman,
        Uziel and El-Yaniv 2019, arXiv 1805.08206. Its interval is from the infinitesimal jackknife over questions
        (Jaeckel 1972; Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, ch. 6).
For what counts as confidence, see `confidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from m1flow.analysis.confidence import BINS, ConfidentAnswers, cells_with_confidence, equal_mass, errors_in_order
from m1flow.analysis.intervals import CONFIDENCE, mean_draws, percentiles
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind


def make(*, sweeps: Sequence[Path]) -> pd.DataFrame:
    """Scores of every model, benchmark, budget and kind of confidence.

    Args:
        sweeps: scored sweeps; cells without any log-probability are left out.

    Returns:
        The table's columns: ``n`` counts all answers, ``read`` those that could be read; ``accuracy`` is that of the
        latter.
    """
    rows = []
    for path in sorted(sweeps):
        for budget, _, kind, cell, mass in cells_with_confidence(path):
            key = {"model": path.parent.name, "benchmark": path.stem, "budget": budget, "confidence": kind}
            rows.append(key | scores(cell) | {"option_mass": mass})
    return pd.DataFrame(rows, columns=TABLE.names)


TABLE = Table(
    title="How sure a model is, and how often it is right",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "confidence": Kind.TEXT,
        "n": Kind.COUNT,
        "read": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "confidence_mean": Kind.SHARE,
        "overconfidence": Kind.POINTS,
        "overconfidence_low": Kind.POINTS,
        "overconfidence_high": Kind.POINTS,
        "ece": Kind.SHARE,
        "ece_mass": Kind.SHARE,
        "ece_by_chance": Kind.SHARE,
        "rms_error": Kind.SHARE,
        "rms_low": Kind.SHARE,
        "rms_high": Kind.SHARE,
        "brier": Kind.SHARE,
        "brier_low": Kind.SHARE,
        "brier_high": Kind.SHARE,
        "aurc": Kind.SHARE,
        "aurc_low": Kind.SHARE,
        "aurc_high": Kind.SHARE,
        "aurc_best": Kind.SHARE,
        "aurc_random": Kind.SHARE,
        "option_mass": Kind.SHARE,
    },
    make=make,
)


def scores(cell: ConfidentAnswers) -> dict[str, float]:
    """The table's numbers for one cell, by column."""
    read, residual = cell.read, cell.residuals
    counted = np.bincount(cell.question[read], minlength=cell.questions)
    squares = np.bincount(cell.question[read], residual[read] ** 2, cell.questions)
    plain = np.bincount(cell.question[read], residual[read], cell.questions)
    draws = mean_draws(np.column_stack([plain, squares, counted]), cell.salt)
    over, brier = (percentiles(draws[:, place] / np.maximum(draws[:, 2], 1e-12)) for place in (0, 1))
    total = max(1, counted.sum())
    mass = _Bins.of(cell, equal_mass(cell.sure[read]))
    rms, rms_low, rms_high = mass.debiased_error()
    return {
        "n": len(cell.sure),
        "read": int(read.sum()),
        "accuracy": cell.correct[read].mean(),
        "confidence_mean": cell.sure[read].mean(),
        "overconfidence": plain.sum() / total,
        "overconfidence_low": over[0],
        "overconfidence_high": over[1],
        "ece": _Bins.of(cell, equal_width(cell.sure[read])).error(),
        "ece_mass": mass.error(),
        "ece_by_chance": mass.by_chance(),
        "rms_error": rms,
        "rms_low": rms_low,
        "rms_high": rms_high,
        "brier": squares.sum() / total,
        "brier_low": brier[0],
        "brier_high": brier[1],
    } | selective(cell)


def equal_width(sure: np.ndarray) -> np.ndarray:
    """The bin of each confidence, among BINS bins of equal width from 0 to 1."""
    return np.minimum((sure * BINS).astype(int), BINS - 1)


@dataclass(frozen=True)
class _Bins:
    """Residuals by question and bin: ``sums`` of confidence minus correct, and ``counts``, (question, bin)."""

    sums: np.ndarray
    counts: np.ndarray
    salt: str

    @classmethod
    def of(cls, cell: ConfidentAnswers, bins: np.ndarray) -> _Bins:
        at = cell.question[cell.read] * BINS + bins
        shape, size = (cell.questions, BINS), cell.questions * BINS
        sums = np.bincount(at, cell.residuals[cell.read], size).reshape(shape)
        return cls(sums, np.bincount(at, minlength=size).reshape(shape).astype(float), cell.salt)

    def share(self) -> np.ndarray:
        return self.counts.sum(axis=0) / self.counts.sum()

    def mean(self) -> np.ndarray:
        return self.sums.sum(axis=0) / np.maximum(1, self.counts.sum(axis=0))

    def variance(self) -> np.ndarray:
        """The variance of each bin's mean, over questions as clusters."""
        n = np.maximum(1, self.counts.sum(axis=0))
        clusters = np.maximum(2, (self.counts > 0).sum(axis=0))
        spread = ((self.sums - self.counts * self.mean()) ** 2).sum(axis=0)
        return spread / n**2 * clusters / (clusters - 1)

    def error(self) -> float:
        return float((self.share() * np.abs(self.mean())).sum())

    def by_chance(self) -> float:
        """The `error` to expect if every bin's true mean residual were 0: the mean of half-normal noise."""
        return float((self.share() * np.sqrt(2 / np.pi * self.variance())).sum())

    def debiased_error(self) -> tuple[float, float, float]:
        """The root mean square error with the noise subtracted, and its interval."""
        noise = float((self.share() * self.variance()).sum())
        squared = float((self.share() * self.mean() ** 2).sum()) - noise
        draws = mean_draws(np.hstack([self.sums, self.counts]), self.salt)
        sums, counts = draws[:, :BINS], draws[:, BINS:]
        # A resample has the noise of the sample as well as its own, so the noise is subtracted twice.
        counts = np.maximum(counts, 1e-12)  # a resample may leave a bin out
        drawn = (sums**2 / counts).sum(axis=1) / counts.sum(axis=1) - 2 * noise
        low, high = percentiles(drawn)
        value, below, above = (float(np.sqrt(max(0.0, number))) for number in (squared, low, high))
        return value, below, above


def selective(cell: ConfidentAnswers) -> dict[str, float]:
    """The AURC with its interval, and those of the same answers in the best and in a random order (the error rate)."""
    wrong, order = errors_in_order(cell)
    n = len(wrong)
    ranks = np.arange(1, n + 1)
    risk = np.cumsum(wrong) / ranks
    aurc = float(risk.mean())
    # What a little more weight on an answer would change: its own risk, and all the risks after it.
    after = np.cumsum((1 / ranks)[::-1])[::-1]
    risks_after = np.cumsum((risk / ranks)[::-1])[::-1]
    influence = np.bincount(
        cell.question[order], (risk - aurc + wrong * after - risks_after) / n, minlength=cell.questions
    )
    variance = (influence**2).sum() * cell.questions / max(1, cell.questions - 1)
    half = special.ndtri(0.5 + CONFIDENCE / 2) * np.sqrt(variance)
    best = np.cumsum(np.sort(~cell.correct)) / ranks
    low, high = max(0.0, aurc - half), min(1.0, aurc + half)
    numbers = {"aurc": aurc, "aurc_low": low, "aurc_high": high}
    return numbers | {"aurc_best": float(best.mean()), "aurc_random": float(wrong.mean())}
