"""Numbers with their uncertainty: intervals of a cell, paired differences, macro averages.

Methods and sources:
    Wilson score interval: Wilson 1927, JASA 22:209; recommended by Brown, Cai and DasGupta 2001, Stat. Sci. 16:101.
    Paired difference of proportions: the adjusted Wald interval of Bonett and Price 2012, J. Educ. Behav. Stat. 37:479.
    Several samples a question: percentile bootstrap over questions as clusters (Efron and Tibshirani 1993, ch. 13;
    Field and Welsh 2007, J. R. Stat. Soc. B 69:369), since samples of one question are not independent.
    Macro average: the same bootstrap, stratified by benchmark; benchmarks in which all questions are alike add the
        length of their own intervals (variances recovered from limits: Zou and Donner 2008, Stat. Med. 27:1693).
    Means of many values a question (`means_with_intervals`): that bootstrap, with the same draws for all of them, so
    that differences between them are paired.
    Intervals that hold for many quantities at once, so for one that was picked for its value, too: the level at which
    the bootstrap's largest standardised deviation stays within (Mandel and Betensky 2008, Comput. Stat. Data Anal.
    52:2158; Westfall and Young 1993, Resampling-Based Multiple Testing).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from m1flow.scored import read_scored, unaltered
from m1flow.storage import CONTRACTS

CONFIDENCE = 0.95
RESAMPLES = 2000
_STEP = 250  # resamples handled at a time, for memory
SEED = 20250400869  # any fixed number: the same rows always give the same interval
CELL = ["model", "benchmark", "budget", "extensions"]
COUNTED = (
    "question_id sample budget extensions thinking_tokens natural_end answer_tokens parsed_index outcome correct"
).split()
UNIT = ["question_id", "sample"]
MACRO = "macro average"
"""Stands for a benchmark where a number is the mean over all; no benchmark can have this name."""
ALL = "all benchmarks"
"""Stands for a benchmark where counts are summed over all."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, and how many questions it rests on."""

    value: float
    low: float
    high: float
    n: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of zero, 0 where the data don't tell."""
        return int(self.low > 0) - int(self.high < 0)


def read_sweeps(paths: Iterable[Path], cue: str | None = None) -> pd.DataFrame:
    """Scored sweeps as one table; model and benchmark are the names of the file's folder and of the file.

    Options in the benchmark's order only. The texts stay on disk: those of a large study don't fit into memory.

    Args:
        paths: scored sweeps.
        cue: which extensions to take, where several cues were forced; the first in each file by default.

    Raises:
        M1FlowError: a file can't be read, holds no rows, or measures a cell of a question twice.
    """
    tables = []
    for path in paths:
        rows = unaltered(read_scored(path, COUNTED), cue)
        tables.append(rows[COUNTED].assign(model=path.parent.name, benchmark=path.stem))
    return pd.concat(tables, ignore_index=True)


def wilson(correct: float, n: float, error: float = 1 - CONFIDENCE) -> tuple[float, float]:
    """The Wilson score interval of a proportion; (0, 1) where nothing was observed. Effective numbers may be broken."""
    if n == 0:
        return 0.0, 1.0
    low, high = proportion_confint(correct, n, alpha=error, method="wilson")
    # At the ends the formula gives 0 or 1 up to rounding.
    return (0.0 if correct == 0 else float(low)), (1.0 if correct == n else float(high))


def proportion(rows: pd.DataFrame) -> Estimate:
    """Accuracy of one cell: Wilson with one sample a question, a bootstrap over questions with several.

    Args:
        rows: question_id, correct; one row per question and sample.
    """
    totals = rows.groupby("question_id")["correct"].agg(["sum", "count"])
    correct, n = int(totals["sum"].sum()), int(totals["count"].sum())
    accuracy = correct / n if n else float("nan")
    if len(totals) == n or correct in (0, n):
        # All right or all wrong: resampling would give an interval of no width. Questions, not samples, are the units.
        return Estimate(accuracy, *wilson(round(accuracy * len(totals)) if n else 0, len(totals)), len(totals))
    draws = _resampled_ratio(totals["sum"].to_numpy(), totals["count"].to_numpy())
    return Estimate(accuracy, *_percentiles(draws), len(totals))


def cells(sweep_rows: pd.DataFrame) -> pd.DataFrame:
    """One row of the accuracy contract per model, benchmark, budget and number of extensions.

    Args:
        sweep_rows: rows of the sweeps contract with the columns model and benchmark.

    Returns:
        The contract's columns, sorted. n counts rows (questions x samples); thinking_tokens_mean is in tokens;
        truncated_rate is the share whose thinking was cut; unparsed_rate the share without a readable answer.
    """
    rows = []
    for key, cell in sweep_rows.groupby(CELL, sort=True):
        estimate = proportion(cell)
        rows.append(
            dict(zip(CELL, key, strict=True))
            | {
                "n": len(cell),
                "correct": int(cell["correct"].sum()),
                "accuracy": estimate.value,
                "ci_low": estimate.low,
                "ci_high": estimate.high,
                "thinking_tokens_mean": float(cell["thinking_tokens"].mean()),
                "truncated_rate": float((~cell["natural_end"].astype(bool)).mean()),
                "unparsed_rate": float(cell["parsed_index"].isna().mean()),
            }
        )
    return pd.DataFrame(rows, columns=CONTRACTS["accuracy"].names)


def flips(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, int]:
    """How answers moved between two cells, over the question-samples that both hold.

    Returns:
        pairs, right_to_wrong, wrong_to_right, and changed (another option chosen, or none any more).
    """
    pairs = _paired(before, after)
    was, now = pairs["correct_before"].astype(bool), pairs["correct_after"].astype(bool)
    chosen_before = pairs["parsed_index_before"].fillna(-1).astype(int)
    chosen_after = pairs["parsed_index_after"].fillna(-1).astype(int)
    return {
        "pairs": len(pairs),
        "right_to_wrong": int((was & ~now).sum()),
        "wrong_to_right": int((~was & now).sum()),
        "changed": int((chosen_before != chosen_after).sum()),
    }


def paired_difference(before: pd.DataFrame, after: pd.DataFrame) -> Estimate:
    """Accuracy after minus accuracy before on the same questions, with its interval.

    Bonett-Price with one sample a question; the cluster bootstrap over questions with several.
    """
    pairs = _paired(before, after)
    change = pairs["correct_after"].astype(float) - pairs["correct_before"].astype(float)
    totals = change.groupby(pairs["question_id"]).agg(["sum", "count"])
    n = len(totals)
    if n == 0:
        return Estimate(float("nan"), -1.0, 1.0, 0)
    value = float(change.mean())
    if len(pairs) == n or totals["sum"].nunique() == 1:
        per_question = totals["sum"] / totals["count"]
        low, high = _bonett_price(float(per_question.clip(lower=0).sum()), float(-per_question.clip(upper=0).sum()), n)
    else:
        low, high = _percentiles(_resampled_ratio(totals["sum"].to_numpy(), totals["count"].to_numpy()))
    return Estimate(value, low, high, n)


def unpaired_interval(value: Any, low: Any, high: Any, other: Any, other_low: Any, other_high: Any) -> tuple[Any, Any]:
    """The interval of a proportion minus another, of other questions, from the intervals of both; of arrays, too.

    Newcombe 1998, Stat. Med. 17:873, method 10 (hybrid score).
    """
    change = value - other
    return change - np.hypot(value - low, other_high - other), change + np.hypot(high - value, other - other_low)


def macro_average(sweep_rows: pd.DataFrame) -> pd.DataFrame:
    """The mean of the benchmarks' accuracies per model, budget and extensions, with a stratified bootstrap interval.

    Only cells that cover every benchmark of the model are averaged: a mean over fewer would be another quantity.

    Returns:
        model, budget, extensions, benchmarks, n, accuracy, ci_low, ci_high, thinking_tokens_mean.
    """
    wanted = sweep_rows.groupby("model")["benchmark"].nunique()
    rows = []
    for (model, budget, extensions), cell in sweep_rows.groupby(["model", "budget", "extensions"], sort=True):
        groups = {str(name): group for name, group in cell.groupby("benchmark", sort=True)}
        if len(groups) != wanted[model]:
            continue
        # In the order of the file, as in `scored.Grid`: the same draws mean the same questions in every table.
        right = {name: group.groupby("question_id", sort=False)["correct"].mean() for name, group in groups.items()}
        means = means_with_intervals({name: shares.to_numpy(float)[:, None] for name, shares in right.items()})
        average = means[MACRO if len(groups) > 1 else next(iter(groups))]
        rows.append(
            {
                "model": model,
                "budget": budget,
                "extensions": extensions,
                "benchmarks": len(groups),
                "n": len(cell),
                "accuracy": average.value[0],
                "ci_low": average.low[0],
                "ci_high": average.high[0],
                "thinking_tokens_mean": float(np.mean([group["thinking_tokens"].mean() for group in groups.values()])),
            }
        )
    columns = "model budget extensions benchmarks n accuracy ci_low ci_high thinking_tokens_mean".split()
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Means:
    """Means of several quantities over questions: value, low and high of their 95 % intervals, and n questions."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int


def means_with_intervals(
    values: Mapping[str, np.ndarray],
    *,
    change: bool = False,
    draws: Mapping[str, np.ndarray] | None = None,
    together: bool = False,
) -> dict[str, Means]:
    """Means over questions of each benchmark, and their macro average where there are several benchmarks.

    Args:
        values: benchmark to an array (questions, quantities): shares from 0 to 1, or differences of two.
        change: the values are differences, from -1 to 1.
        draws: their `mean_draws` by benchmark, where they are known.
        together: the intervals of a benchmark are to hold for all quantities at once.

    Returns:
        Means by benchmark, then under MACRO. Wilson (for changes: Bonett and Price) where every question's value is a
        whole number, as in `proportion` and `paired_difference`; else the bootstrap.
    """
    if draws is None:
        draws = {name: mean_draws(array, name) for name, array in values.items()}
    made = {}
    for name, array in values.items():
        error = _error_of_each(draws[name]) if together else 1 - CONFIDENCE
        made[name] = Means(array.mean(axis=0), *percentiles(draws[name], error), len(array))
        for column in np.flatnonzero((array == np.rint(array)).all(axis=0) | (array == array[:1]).all(axis=0)):
            made[name].low[column], made[name].high[column] = _whole_interval(array[:, column], change, error)
    if len(values) > 1:
        drawn = np.mean(list(draws.values()), axis=0)
        low, high = percentiles(drawn, _error_of_each(drawn) if together else 1 - CONFIDENCE)
        made[MACRO] = _widened(low, high, values, made)
    return made


def _widened(low: np.ndarray, high: np.ndarray, values: Mapping[str, np.ndarray], made: Mapping[str, Means]) -> Means:
    """A macro average's bootstrap interval, and what benchmarks add in which all questions are alike.

    These never vary when drawn again, though they aren't certain. Their own intervals' lengths are added in squares.
    """
    value = np.mean([means.value for means in made.values()], axis=0)
    alike = np.array([(array == array[:1]).all(axis=0) for array in values.values()])
    below, above = (
        (alike * np.array([np.abs(side(means) - means.value) for means in made.values()]) / len(made)) ** 2
        for side in (lambda means: means.low, lambda means: means.high)
    )
    low = value - np.sqrt((value - low).clip(min=0) ** 2 + below.sum(axis=0))
    high = value + np.sqrt((high - value).clip(min=0) ** 2 + above.sum(axis=0))
    return Means(value, low, high, sum(means.n for means in made.values()))


def mean_draws(values: np.ndarray, salt: str) -> np.ndarray:
    """RESAMPLES bootstrap draws of the means over questions; (RESAMPLES, quantities).

    Args:
        values: an array (questions, quantities).
        salt: the benchmark: the same questions are drawn for everything that is measured on it.
    """
    times = _times_drawn(len(values), salt)
    parts = [times[start : start + _STEP].astype(float) @ values for start in range(0, RESAMPLES, _STEP)]
    return np.concatenate(parts) / len(values)


@functools.lru_cache(maxsize=32)
def _times_drawn(n: int, salt: str) -> np.ndarray:
    """How often each of n questions is in each resample: (RESAMPLES, n), a byte each."""
    generator = np.random.default_rng([SEED, *salt.encode()])
    parts = []
    for _ in range(0, RESAMPLES, _STEP):
        drawn = generator.integers(n, size=(_STEP, n)) + n * np.arange(_STEP)[:, None]
        parts.append(np.bincount(drawn.ravel(), minlength=_STEP * n).reshape(_STEP, n).astype(np.uint8))
    return np.concatenate(parts)


def percentiles(draws: np.ndarray, error: float = 1 - CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
    """The interval of every column of draws, 95 % by default."""
    low, high = np.percentile(draws, [50 * error, 100 - 50 * error], axis=0)
    return low, high


def _error_of_each(draws: np.ndarray) -> float:
    """The error of each column's interval with which all columns' hold together with CONFIDENCE."""
    spread = draws.std(axis=0)
    moves = spread > 1e-12
    if not moves.any():
        return (1 - CONFIDENCE) / max(1, draws.shape[1])
    furthest = (np.abs(draws - draws.mean(axis=0))[:, moves] / spread[moves]).max(axis=1)
    return min(1 - CONFIDENCE, float(2 * stats.norm.sf(np.quantile(furthest, CONFIDENCE))))


def _whole_interval(values: np.ndarray, change: bool, error: float) -> tuple[float, float]:
    if change:
        return _bonett_price(float(values.clip(min=0).sum()), float(-values.clip(max=0).sum()), len(values), error)
    return wilson(round(float(values.sum())), len(values), error)


def _resampled_ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """RESAMPLES bootstrap draws of sum(sums) / sum(counts), questions drawn with replacement."""
    generator = np.random.default_rng([SEED])
    sums, counts, n = sums.astype(float), counts.astype(float), len(sums)
    # Questions that look alike are interchangeable: drawing how many of each kind is the same, in far less memory.
    kinds, how_many = np.unique(np.stack([sums, counts], axis=1), axis=0, return_counts=True)
    drawn = generator.multinomial(n, how_many / n, size=RESAMPLES)
    return (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])


def _percentiles(draws: Sequence[float] | np.ndarray) -> tuple[float, float]:
    low, high = percentiles(np.asarray(draws))
    return float(low), float(high)


def _bonett_price(gained: float, lost: float, n: int, error: float = 1 - CONFIDENCE) -> tuple[float, float]:
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = stats.norm.ppf(1 - error / 2) * np.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return float(max(-1.0, up - down - half)), float(min(1.0, up - down + half))


def _paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    columns = [*UNIT, "correct", "parsed_index"]
    return before[columns].merge(after[columns], on=UNIT, suffixes=("_before", "_after"), validate="one_to_one")
