"""Exact paired tests with questions as units, corrections for several tests, effect sizes and detectable differences.

Methods and sources:
    Sign flips: if two settings are alike, each question's change is as likely to have the other sign (Fisher 1935, The
        Design of Experiments, section 21; Pitman 1937, J. R. Stat. Soc. Suppl. 4:119). All flips are counted, none are
        sampled. With one sample per question, this is the exact McNemar test (McNemar 1947, Psychometrika 12:153). With
        several samples, it is a test of the mean change that holds for large n even where changes are not symmetric
        (Janssen 1999, Stat. Probab. Lett. 45:1), and samples of one question are never counted as independent.
    Macro average: flips of the questions of all benchmarks, each weighted as in the average.
    Several tests: Holm 1979, Scand. J. Stat. 6:65.
    Effect size: Cohen's h (Cohen 1988, Statistical Power Analysis, ch. 6).
    Smallest difference found with a given power: Connor 1987, Biometrics 43:207, solved for the difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from m1flow.analysis.intervals import CONFIDENCE

POWER = 0.8
FEWEST = 6
"""With fewer discordant pairs, no two-sided exact test reaches 5 %."""
BOTH, GREATER = "both", "greater"
_FINENESS = 200  # lattice steps per standard deviation, for each benchmark
_LEAST = float(np.finfo(float).eps)  # a smaller p-value would be a rounding error


def p_value(changes: Sequence[np.ndarray], units: int = 1, side: str = BOTH) -> float:
    """The p-value of the sign-flip test of the questions' mean change, or of its mean over benchmarks.

    Args:
        changes: for each benchmark, each question's gain, from -1 to 1. A single benchmark is tested exactly. For
            several, the distribution is rounded to a lattice, and the p-value is never below the exact one. No p-value
            is below 2e-16, where rounding errors begin.
        units: the number of samples per question, or a common multiple if the two sides differ; multiplied by it, all
            changes are whole numbers.
        side: BOTH, or GREATER if only a gain counts.
    """
    steps = [np.rint(np.asarray(change) * units).astype(np.int64) for change in changes]
    if not any(step.any() for step in steps):
        return 1.0
    if len(steps) == 1:
        chance = _flipped(steps[0])
        sums = 2 * np.arange(len(chance)) - (len(chance) - 1)
        return _tail(sums, chance, int(steps[0].sum()), side)
    weights = [1 / (len(steps) * units * len(step)) for step in steps]
    observed = sum(weight * step.sum() for weight, step in zip(weights, steps, strict=True))
    largest = sum(weight * np.abs(step).sum() for weight, step in zip(weights, steps, strict=True))
    spread = np.sqrt(sum(weight**2 * np.square(step).sum() for weight, step in zip(weights, steps, strict=True)))
    points = 2 ** int(np.ceil(np.log2(_FINENESS * len(steps) * largest / spread)))
    width = largest / (points // 2 - len(steps))
    spectrum = np.ones(points // 2 + 1, complex)
    for weight, step in zip(weights, steps, strict=True):
        chance = _flipped(step)
        at = np.rint(weight * (2 * np.arange(len(chance)) - (len(chance) - 1)) / width).astype(np.int64)
        spectrum *= np.fft.rfft(np.bincount(at % points, chance, points))
    chance = np.fft.fftshift(np.fft.irfft(spectrum, points))
    sums = width * (np.arange(points) - points // 2)
    # Each benchmark's sum was moved by half a lattice step at most.
    return _tail(sums, chance, float(observed), side, slack=len(steps) * width / 2)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values of tests that are corrected together.

    statsmodels' multipletests gives the same, but runs a garbage collection in every call, which takes a fifth of a
    second.
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.arange(len(order), 0, -1) * np.asarray(p)[order]))
    return adjusted


def cohens_h(share: np.ndarray | float, other: np.ndarray | float) -> np.ndarray | float:
    """The difference of two shares on the arcsine scale, on which it is as detectable near 0 and 1 as at 0.5."""
    return 2 * (np.arcsin(np.sqrt(share)) - np.arcsin(np.sqrt(other)))


def detectable(changes: Sequence[np.ndarray]) -> float:
    """The smallest true difference that a two-sided test at 5 % finds with POWER, given how much answers scatter.

    Args:
        changes: as in `p_value`. Their mean square takes the place of the share of discordant pairs.

    Returns:
        A difference from 0 to 1, for a single test; if several tests are corrected together, it has to be larger.
    """
    shares = [1 / (len(changes) ** 2 * len(change)) for change in changes]
    n = 1 / sum(shares)
    scatter = n * sum(share * np.mean(np.square(change)) for share, change in zip(shares, changes, strict=True))
    return connor(n, float(scatter))


def connor(n: float, discordant: float) -> float:
    """Connor's sample size formula solved for the difference that is found with POWER.

    Args:
        n: the number of pairs.
        discordant: the share of pairs that are discordant, which no difference can exceed.

    Returns:
        The difference; if ``discordant`` is too small for any, the smallest that can be found at all; 1 if none can.
    """
    if n < FEWEST:
        return 1.0
    z, beta = special.ndtri(0.5 + CONFIDENCE / 2), special.ndtri(POWER)
    per_root = (np.sqrt(n) * z + beta * np.sqrt(n + beta**2 - z**2)) / (n + beta**2)
    # With all discordant pairs on one side, their share is the difference.
    return float(min(1.0, per_root * np.sqrt(max(discordant, per_root**2))))


def _flipped(steps: np.ndarray) -> np.ndarray:
    """The probabilities of all sums of whole numbers with random signs: -m, -m + 2, ..., m, where m is the largest."""
    from scipy import signal, stats  # they take a second to import

    sizes = np.bincount(np.abs(steps))
    chance = np.ones(1)
    for size in np.flatnonzero(sizes[1:]) + 1:
        many = sizes[size]
        one = np.zeros(size * many + 1)
        one[::size] = stats.binom.pmf(np.arange(many + 1), many, 0.5)
        chance = one if len(chance) == 1 else signal.fftconvolve(chance, one).clip(min=0)
    return chance


def _tail(sums: np.ndarray, chance: np.ndarray, observed: float, side: str, slack: float = 0.0) -> float:
    far = np.abs(sums) >= abs(observed) - slack if side == BOTH else sums >= observed - slack
    return float(np.clip(chance[far].sum(), _LEAST, 1.0))
