"""Calibration: is a model right as often as it is sure, and does it know which answers to withhold?

Confidence in the answer that was read, from one of
    options: the softmax of the log-probabilities of the question's options, where the engine gave them. It says
        something only where the options, as they were stated, are what the model would say: ``option_mass`` is their
        total probability, and near 0 where they are stated in a way that is strange to the model;
    answer: the geometric mean probability of the answer's tokens.

Scores and their sources:
    Overconfidence: mean confidence minus accuracy.
    Expected calibration error (ECE), ten bins of equal width: Naeini, Cooper and Hauskrecht 2015, AAAI; Guo et al.
        2017, arXiv 1706.04599. Bins of equal mass: Nixon et al. 2019, arXiv 1904.01685. ECE is biased upwards, as the
        noise of bins never cancels; ``ece_by_chance`` is what so many questions would show of a calibrated model.
    Root mean square calibration error without that bias: Kumar, Liang and Ma 2019, arXiv 1909.10155, section 4, with
        variances over questions as clusters; bins of equal mass.
    Brier score: Brier 1950, Mon. Weather Rev. 78:1, of "the answer is right".
    Risk and coverage, and the area under their curve (AURC): Geifman and El-Yaniv 2017, arXiv 1705.08500; Geifman,
        Uziel and El-Yaniv 2019, arXiv 1805.08206. Its interval by the infinitesimal jackknife over questions (Jaeckel
        1972; Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, ch. 6).
An answer that couldn't be read has no confidence: it has no part in calibration, and is wrong and the first to be
withheld for risk and coverage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import softmax

from m1flow.scored import read_scored, unaltered
from m1flow.statistics import CONFIDENCE, mean_draws, means_with_intervals, percentiles

BINS = 10
COVERAGES = np.arange(1, 21) / 20
OPTIONS, ANSWER = "options", "answer"
COLUMNS = (
    "model benchmark budget confidence n read accuracy confidence_mean overconfidence overconfidence_low "
    "overconfidence_high ece ece_mass ece_by_chance rms_error rms_low rms_high brier brier_low brier_high "
    "aurc aurc_low aurc_high aurc_best aurc_random option_mass"
).split()
CURVE_COLUMNS = "model benchmark budget confidence curve x y ci_low ci_high n".split()


@dataclass(frozen=True)
class Judged:
    """Answers of one cell with a confidence: arrays over answers.

    Attributes:
        question: the question's number, 0 to questions - 1.
        questions: how many there are.
        sure: the confidence; NaN where no answer was read.
        correct: whether the answer is right.
        salt: the benchmark, for the bootstrap.
    """

    question: np.ndarray
    questions: int
    sure: np.ndarray
    correct: np.ndarray
    salt: str

    @property
    def read(self) -> np.ndarray:
        """Which answers were read."""
        return ~np.isnan(self.sure)


def calibration_tables(sweeps: Iterable[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of every model, benchmark, budget and kind of confidence; curves at each model's largest budget.

    Args:
        sweeps: scored sweeps; cells without any log-probability are left out.

    Returns:
        Two tables. The first has COLUMNS; ``n`` counts answers, ``read`` those that could be read; ``accuracy`` is of
        those. The second has CURVE_COLUMNS: curve is "reliability" (x: mean confidence of a bin of equal mass, y: its
        accuracy) or "risk_coverage" (x: share of questions answered, most confident first, y: share of errors).
    """
    scored, curves = [], []
    for path in sorted(sweeps):
        model, benchmark = path.parent.name, path.stem
        for budget, last, kind, cell, mass in _cells(path):
            key = {"model": model, "benchmark": benchmark, "budget": budget, "confidence": kind}
            scored.append(key | scores(cell) | {"option_mass": mass})
            if last:
                curves += [key | point for point in [*reliability(cell), *risk_coverage(cell)]]
    return pd.DataFrame(scored, columns=COLUMNS), pd.DataFrame(curves, columns=CURVE_COLUMNS)


def option_confidence(option_logprobs: pd.Series, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How probable the chosen option is among the question's options, and all of them together.

    Args:
        option_logprobs: lists of log-probabilities in the benchmark's order of options, or null.
        chosen: the option read, below 0 for none.

    Returns:
        The chosen option's softmax probability, and the sum of the options' probabilities; NaN where there are no
        log-probabilities or no option was read.
    """
    counts = option_logprobs.map(len, na_action="ignore").fillna(0).astype(int).to_numpy()
    sure, mass = np.full(len(chosen), np.nan), np.full(len(chosen), np.nan)
    for n in np.unique(counts[counts > 0]):
        at = np.flatnonzero((counts == n) & (chosen >= 0) & (chosen < n))
        if len(at):
            table = np.stack(option_logprobs.to_numpy()[at]).astype(float)
            sure[at] = softmax(table, axis=1)[np.arange(len(at)), chosen[at]]
            mass[at] = np.exp(table).sum(axis=1)
    return sure, mass


def scores(cell: Judged) -> dict[str, float]:
    """Every score of COLUMNS."""
    read, residual = cell.read, _residuals(cell)
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
    """The bin of each confidence, BINS of the same width from 0 to 1."""
    return np.minimum((sure * BINS).astype(int), BINS - 1)


def equal_mass(sure: np.ndarray) -> np.ndarray:
    """The bin of each confidence, BINS with about as many answers each; equal confidences share a bin."""
    edges = np.quantile(sure, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, sure, side="right")


@dataclass(frozen=True)
class _Bins:
    """Residuals by question and bin: ``sums`` of confidence minus correct, and ``counts``, (question, bin)."""

    sums: np.ndarray
    counts: np.ndarray
    salt: str

    @classmethod
    def of(cls, cell: Judged, bins: np.ndarray) -> _Bins:
        at = cell.question[cell.read] * BINS + bins
        shape, size = (cell.questions, BINS), cell.questions * BINS
        sums = np.bincount(at, _residuals(cell)[cell.read], size).reshape(shape)
        return cls(sums, np.bincount(at, minlength=size).reshape(shape).astype(float), cell.salt)

    def share(self) -> np.ndarray:
        return self.counts.sum(axis=0) / self.counts.sum()

    def mean(self) -> np.ndarray:
        return self.sums.sum(axis=0) / np.maximum(1, self.counts.sum(axis=0))

    def variance(self) -> np.ndarray:
        """Of each bin's mean, over questions as clusters."""
        n = np.maximum(1, self.counts.sum(axis=0))
        clusters = np.maximum(2, (self.counts > 0).sum(axis=0))
        spread = ((self.sums - self.counts * self.mean()) ** 2).sum(axis=0)
        return spread / n**2 * clusters / (clusters - 1)

    def error(self) -> float:
        return float((self.share() * np.abs(self.mean())).sum())

    def by_chance(self) -> float:
        """The mean of `error` had every bin's residual a mean of 0: half-normal noise."""
        return float((self.share() * np.sqrt(2 / np.pi * self.variance())).sum())

    def debiased_error(self) -> tuple[float, float, float]:
        """The root mean square error, noise taken off, with its interval."""
        noise = float((self.share() * self.variance()).sum())
        squared = float((self.share() * self.mean() ** 2).sum()) - noise
        draws = mean_draws(np.hstack([self.sums, self.counts]), self.salt)
        sums, counts = draws[:, :BINS], draws[:, BINS:]
        # A resample has the noise of the sample and its own.
        counts = np.maximum(counts, 1e-12)  # a resample may leave a bin out
        drawn = (sums**2 / counts).sum(axis=1) / counts.sum(axis=1) - 2 * noise
        low, high = percentiles(drawn)
        return tuple(float(np.sqrt(max(0.0, value))) for value in (squared, low, high))


def selective(cell: Judged) -> dict[str, float]:
    """AURC with its interval, that of the best order of the same answers, and that of a random one (the error rate)."""
    wrong, order = _errors_in_order(cell)
    n = len(wrong)
    ranks = np.arange(1, n + 1)
    risk = np.cumsum(wrong) / ranks
    aurc = float(risk.mean())
    # What a little more weight on an answer would change: on its own risk, and on all the risks after it.
    after = np.cumsum((1 / ranks)[::-1])[::-1]
    risks_after = np.cumsum((risk / ranks)[::-1])[::-1]
    influence = np.bincount(
        cell.question[order], (risk - aurc + wrong * after - risks_after) / n, minlength=cell.questions
    )
    variance = (influence**2).sum() * cell.questions / max(1, cell.questions - 1)
    half = stats.norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(variance)
    best = np.cumsum(np.sort(~cell.correct)) / ranks
    low, high = max(0.0, aurc - half), min(1.0, aurc + half)
    numbers = {"aurc": aurc, "aurc_low": low, "aurc_high": high}
    return numbers | {"aurc_best": float(best.mean()), "aurc_random": float(wrong.mean())}


def reliability(cell: Judged) -> Iterator[dict]:
    """Points of the reliability curve: bins of equal mass, with 95 % intervals over questions."""
    sure, correct, question = cell.sure[cell.read], cell.correct[cell.read], cell.question[cell.read]
    bins = equal_mass(sure)
    for place in np.unique(bins):
        mine = bins == place
        hits = np.bincount(question[mine], correct[mine], cell.questions)
        counts = np.bincount(question[mine], minlength=cell.questions)
        accuracy = float(correct[mine].mean())
        low, high = _interval(hits, counts, accuracy)
        point = {"curve": "reliability", "x": sure[mine].mean(), "y": accuracy}
        yield point | {"ci_low": low, "ci_high": high, "n": int(mine.sum())}


def risk_coverage(cell: Judged) -> Iterator[dict]:
    """Points of the risk-coverage curve, at COVERAGES; n is the answers given."""
    wrong, _ = _errors_in_order(cell)
    risk = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    for coverage in COVERAGES:
        given = max(1, round(coverage * len(wrong)))
        yield {"curve": "risk_coverage", "x": given / len(wrong), "y": risk[given - 1], "n": given}


def _interval(hits: np.ndarray, counts: np.ndarray, accuracy: float) -> tuple[float, float]:
    """The interval of an accuracy, over questions that differ in how many answers they have.

    A question counts with its share of right answers where all have equally many, else with what it adds to their
    ratio (linearised: Cochran 1977, Sampling Techniques, ch. 6).
    """
    hits, counts = hits[counts > 0], counts[counts > 0]
    shares = accuracy + (hits - counts * accuracy) / counts.mean()
    estimate = means_with_intervals({"": shares[:, None]})[""].estimate(0)
    return estimate.low, estimate.high


def _cells(path: Path) -> Iterator[tuple[int, bool, str, Judged, float | None]]:
    """Without extensions: budget, whether it is the largest, kind of confidence, the answers, mean mass of options."""
    rows = unaltered(
        read_scored(path, ["parsed_index", "correct", "answer_tokens", "answer_logprob", "option_logprobs"])
    )
    rows = rows[rows["extensions"] == 0]
    question, ids = pd.factorize(rows["question_id"])
    chosen = rows["parsed_index"].fillna(-1).to_numpy(int)
    per_token = rows["answer_logprob"].to_numpy(float) / np.maximum(1, rows["answer_tokens"].to_numpy())
    over_options, mass = option_confidence(rows["option_logprobs"], chosen)
    kinds = {
        OPTIONS: over_options,
        ANSWER: np.where(chosen >= 0, np.exp(per_token), np.nan),
    }
    budgets, correct = rows["budget"].to_numpy(), rows["correct"].to_numpy(bool)
    for budget in np.unique(budgets):
        mine = budgets == budget
        for kind, sure in kinds.items():
            if not np.isnan(sure[mine]).all():
                cell = Judged(question[mine], len(ids), sure[mine], correct[mine], path.stem)
                shared = float(np.nanmean(mass[mine])) if kind == OPTIONS else None
                yield int(budget), budget == budgets.max(), kind, cell, shared


def _residuals(cell: Judged) -> np.ndarray:
    return cell.sure - cell.correct


def _errors_in_order(cell: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Whether answers are wrong, the most confident first and unread ones last, and their order.

    Answers that are equally sure have no order: each counts as their mean.
    """
    sure = np.where(cell.read, cell.sure, -1.0)
    order = np.argsort(-sure, kind="stable")
    wrong = ~cell.correct[order]
    _, ties = np.unique(-sure[order], return_inverse=True)
    return (np.bincount(ties, wrong) / np.bincount(ties))[ties], order
