"""Numbers with their uncertainty: intervals of shares, paired differences and macro averages.

Methods and sources; all values are means per question, so that samples of one question never count as independent:
    Means of shares: Wilson's score interval (Wilson 1927, JASA 22:209; recommended by Brown, Cai and DasGupta 2001,
        Stat. Sci. 16:101) over questions. With several samples, a question's share varies less than a single answer,
        whose variance is p(1 - p). For other p, the variance is taken to be smaller by the same factor (an effective
        number of answers: Korn and Graubard 1998, Surv. Methodol. 24:193), or by the same amount; the outer limits of
        both intervals are taken. The second interval never collapses: if all answers are right, or all wrong, it is
        that of as many questions with one sample each.
    Means of differences: the adjusted Wald interval of Bonett and Price 2012, J. Educ. Behav. Stat. 37:479, which adds
        one question gained and one lost, over questions' differences.
    Macro average: the lengths of the benchmarks' intervals on either side, added in quadrature (variances recovered
        from limits: Zou and Donner 2008, Stat. Med. 27:1693).
    Intervals that hold for many quantities at once, and so also for one that was picked for its value: the level at
    which even the largest standardised deviation stays within its interval, over bootstrap draws of questions (Mandel
    and Betensky 2008, Comput. Stat. Data Anal. 52:2158; Westfall and Young 1993, Resampling-Based Multiple Testing).
    Other quantities: percentiles of bootstrap draws of questions as clusters (Efron and Tibshirani 1993, ch. 13; Field
    and Welsh 2007, J. R. Stat. Soc. B 69:369). The draws are the same for everything that is measured on a benchmark.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

CONFIDENCE = 0.95
RESAMPLES = 2000
_STEP = 250  # resamples handled at a time, to limit memory
SEED = 20250400869  # any fixed number: the same rows always give the same interval
MACRO = "macro average"
"""The ``benchmark`` of rows of means over all benchmarks; no benchmark can have this name."""
ALL = "all benchmarks"
"""The ``benchmark`` of rows of sums over all benchmarks."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, and its number of questions."""

    value: float
    low: float
    high: float
    n: int


def wilson(correct: float, n: float) -> tuple[float, float]:
    """The Wilson score interval of a proportion; (0, 1) without observations."""
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    low, high = _score_interval(share, share * (1 - share), n, 1 - CONFIDENCE)
    return float(low), float(high)


def proportion(rows: pd.DataFrame) -> Estimate:
    """Accuracy of one cell: the mean of its questions' shares of right samples, as in `means_with_intervals`.

    Args:
        rows: question_id and correct, with one row per question and sample.
    """
    shares = rows.groupby("question_id")["correct"].mean().to_numpy(float)
    return means_with_intervals({"": shares[:, None]})[""].estimate(0)


def unpaired_interval(value: Any, low: Any, high: Any, other: Any, other_low: Any, other_high: Any) -> tuple[Any, Any]:
    """The interval of a proportion minus an independent one, from the intervals of both; also for arrays.

    Newcombe 1998, Stat. Med. 17:873, method 10 (hybrid score).
    """
    change = value - other
    return change - np.hypot(value - low, other_high - other), change + np.hypot(high - value, other - other_low)


@dataclass(frozen=True)
class Means:
    """Means of several quantities over questions: value, low and high of their 95 % intervals, and n questions."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int

    def estimate(self, number: int) -> Estimate:
        """One of the quantities."""
        return Estimate(float(self.value[number]), float(self.low[number]), float(self.high[number]), self.n)

    def row(self, number: int) -> dict[str, float]:
        """One of the quantities, an accuracy, in the columns that tables have for it."""
        return {"accuracy": self.value[number], "ci_low": self.low[number], "ci_high": self.high[number]}


def means_with_intervals(
    values: Mapping[str, np.ndarray],
    *,
    change: bool = False,
    draws: Mapping[str, np.ndarray] | None = None,
    together: bool = False,
) -> dict[str, Means]:
    """Means over questions of each benchmark, and their macro average if there are several benchmarks.

    Args:
        values: by benchmark, an array (questions, quantities) of shares from 0 to 1, or of differences of two shares.
        change: whether the values are differences, from -1 to 1.
        draws: the values' `mean_draws` by benchmark, if known; used only with ``together``.
        together: whether the intervals of a benchmark must hold for all quantities at once.

    Returns:
        The means by benchmark and, if there are several, under MACRO.
    """
    if together and draws is None:
        draws = {name: mean_draws(array, name) for name, array in values.items()}

    def error(names: Sequence[str]) -> float:
        if not together or draws is None:
            return 1 - CONFIDENCE
        return _error_of_each(np.mean([draws[name] for name in names], axis=0))

    means = {name: _means(array, change, error([name])) for name, array in values.items()}
    if len(values) > 1:
        shared = error(list(values))
        means[MACRO] = _averaged([_means(array, change, shared) for array in values.values()])
    return means


def _means(values: np.ndarray, change: bool, error: float) -> Means:
    n, value = len(values), values.mean(axis=0)
    if change:
        # One question gained and one lost are added.
        middle = values.sum(axis=0) / (n + 2)
        variance = (np.square(values).sum(axis=0) + 2) / (n + 2) - middle**2
        half = _quantile(error) * np.sqrt(variance / (n + 2))
        return Means(value, (middle - half).clip(min=-1), (middle + half).clip(max=1), n)
    return Means(value, *_share_interval(value, values.var(axis=0), n, error), n)


def _share_interval(value: Any, variance: Any, n: int, error: float) -> tuple[Any, Any]:
    """The outer limits of the two score intervals of a mean of n questions' shares, with this variance."""
    whole = value * (1 - value)
    # Effective number of answers: at least one per question, even if all are right, or all wrong, up to rounding.
    answers = n * np.maximum(1, whole / np.maximum(variance, 1e-12))
    one = _score_interval(value, whole, answers, error)
    other = _score_interval(value, variance, n, error)
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])


def _score_interval(value: Any, variance: Any, n: Any, error: float) -> tuple[Any, Any]:
    """The score interval; Wilson's if the variance is value * (1 - value)."""
    z = _quantile(error)
    middle = (n * value + z**2 / 2) / (n + z**2)
    half = z * np.sqrt(n * variance + z**2 / 4) / (n + z**2)
    # The interval must hold the value, which rounding could prevent at its ends.
    return np.minimum(value, middle - half).clip(min=0), np.maximum(value, middle + half).clip(max=1)


def _quantile(error: float) -> float:
    return float(special.ndtri(1 - error / 2))


def _averaged(benchmarks: Sequence[Means]) -> Means:
    """The mean of the benchmarks' means; the lengths of their intervals are added in quadrature."""
    value = np.mean([means.value for means in benchmarks], axis=0)
    below, above = (
        np.sqrt(np.sum(np.square(lengths), axis=0)) / len(benchmarks)
        for lengths in (
            [means.value - means.low for means in benchmarks],
            [means.high - means.value for means in benchmarks],
        )
    )
    return Means(value, value - below, value + above, sum(means.n for means in benchmarks))


def mean_draws(values: np.ndarray, salt: str) -> np.ndarray:
    """RESAMPLES bootstrap draws of the means over questions; (RESAMPLES, quantities).

    Args:
        values: an array (questions, quantities).
        salt: the benchmark's name; the same questions are drawn for everything that is measured on it.
    """
    times = _times_drawn(len(values), salt)
    parts = [times[start : start + _STEP].astype(float) @ values for start in range(0, RESAMPLES, _STEP)]
    return np.concatenate(parts) / len(values)


@functools.lru_cache(maxsize=32)
def _times_drawn(n: int, salt: str) -> np.ndarray:
    """The number of times each of n questions is in each resample: (RESAMPLES, n), one byte each."""
    generator = np.random.default_rng([SEED, *salt.encode()])
    parts = []
    for _ in range(0, RESAMPLES, _STEP):
        drawn = generator.integers(n, size=(_STEP, n)) + n * np.arange(_STEP)[:, None]
        parts.append(np.bincount(drawn.ravel(), minlength=_STEP * n).reshape(_STEP, n).astype(np.uint8))
    return np.concatenate(parts)


def percentiles(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of every column of draws."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(draws, [tail, 100 - tail], axis=0)
    return low, high


def _error_of_each(draws: np.ndarray) -> float:
    """The error to allow in each column's interval so that all hold at once with probability CONFIDENCE."""
    spread = draws.std(axis=0)
    moves = spread > 1e-12
    if not moves.any():
        return (1 - CONFIDENCE) / max(1, draws.shape[1])
    furthest = (np.abs(draws - draws.mean(axis=0))[:, moves] / spread[moves]).max(axis=1)
    return min(1 - CONFIDENCE, float(2 * special.ndtr(-np.quantile(furthest, CONFIDENCE))))
