"""Paired tests against published examples, a second implementation, and every flip written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from m1flow.analysis.paired_tests import BOTH, GREATER, cohens_h, connor, detectable, holm, p_value


def gained(up: int, down: int, n: int) -> np.ndarray:
    """Changes of n questions, of which so many were won and lost."""
    return np.array([1.0] * up + [-1.0] * down + [0.0] * (n - up - down))


def enumerated(changes: list[np.ndarray], side: str) -> float:
    """The test by writing out all signs, with exact sums."""
    observed = np.mean([change.mean() for change in changes])
    found = []
    for signs in product((1, -1), repeat=sum(map(len, changes))):
        parts = np.split(np.array(signs), np.cumsum([len(change) for change in changes])[:-1])
        found.append(np.mean([(part * change).mean() for part, change in zip(parts, changes, strict=True)]))
    found = np.array(found)
    if side == BOTH:
        return float((np.abs(found) >= abs(observed) - 1e-12).mean())
    return float((found >= observed - 1e-12).mean())


def test_mcnemar_agrees_with_published_data():
    # Agresti, Categorical Data Analysis (2nd ed. 2002), table 10.1: approval of the prime minister, 150 against 86
    # of 1600 changed their minds: z = -4.17, difference -0.04, 95 % interval -0.059 to -0.021.
    p = p_value([gained(86, 150, 1600)])
    assert p == pytest.approx(mcnemar([[794, 150], [86, 570]], exact=True).pvalue, rel=1e-9)
    assert p == pytest.approx(2 * stats.norm.sf(4.17), rel=0.25) and p < 1e-4


few = settings(max_examples=40)


@few
@given(st.integers(0, 60), st.integers(0, 60))
def test_one_sample_a_question_is_the_exact_binomial(up, down):
    change = gained(up, down, up + down + 5)
    both, greater = p_value([change]), p_value([change], side=GREATER)
    if up + down == 0:
        assert both == greater == 1.0
    else:
        assert both == pytest.approx(stats.binomtest(up, up + down).pvalue, rel=1e-6)
        assert greater == pytest.approx(stats.binomtest(up, up + down, alternative="greater").pvalue, rel=1e-6)


@few
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from([BOTH, GREATER]))
def test_several_samples_equal_all_flips_written_out(steps, side):
    change = np.array(steps) / 4
    assert p_value([change], 4, side) == pytest.approx(enumerated([change], side), abs=1e-9)


@pytest.mark.parametrize("side", [BOTH, GREATER])
def test_benchmarks_together_equal_all_flips_written_out(side):
    rng = np.random.default_rng(3)
    for _ in range(3):
        changes = [rng.integers(-2, 3, size) / 2 for size in (5, 3, 3)]
        exact = enumerated(changes, side)
        assert exact - 1e-9 <= p_value(changes, 2, side) <= exact + 0.002


def test_a_large_sample_agrees_with_the_normal_distribution():
    rng = np.random.default_rng(1)
    changes = [np.rint(rng.normal(0.1, 1, n)).clip(-4, 4) / 4 for n in (400, 900)]
    value = np.mean([change.mean() for change in changes])
    spread = np.sqrt(sum((change**2).mean() / len(change) for change in changes)) / 2
    assert p_value(changes, 4) == pytest.approx(2 * stats.norm.sf(value / spread), rel=0.05)
    assert p_value(changes, 4, GREATER) == pytest.approx(stats.norm.sf(value / spread), rel=0.05)


@pytest.mark.parametrize("side", [BOTH, GREATER])
@pytest.mark.parametrize(("sizes", "samples"), [((900,), 1), ((900,), 4), ((200, 300), 1), ((30, 30, 30), 4)])
def test_a_difference_beyond_doubt_has_a_small_p_and_never_0(sizes, samples, side):
    changes = [np.full(size, 0.75 if samples > 1 else 1.0) for size in sizes]
    changes[0][0] = -0.25 if samples > 1 else 0
    assert 0 < p_value(changes, samples, side) < 1e-12


@few
@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=30), min_size=1, max_size=3))
def test_p_values_are_probabilities_and_don_t_know_up_from_down(lists):
    changes = [np.array(steps) / 3 for steps in lists]
    p, mirrored = p_value(changes, 3), p_value([-change for change in changes], 3)
    assert 0 < p <= 1 and p == pytest.approx(mirrored, abs=1e-9)
    greater, smaller = p_value(changes, 3, GREATER), p_value([-change for change in changes], 3, GREATER)
    assert 0 <= greater <= 1 and greater + smaller >= 1 - 1e-9


@pytest.mark.parametrize(("sizes", "samples"), [((80,), 1), ((40,), 4), ((30, 60), 2)])
def test_where_nothing_differs_few_tests_reject(sizes, samples):
    """Questions of very different difficulty, answered equally well by both: about 5 % of p-values are below 0.05."""
    rng, rejected, rounds = np.random.default_rng(11), 0, 400
    for _ in range(rounds):
        changes = []
        for n in sizes:
            chance = rng.beta(0.7, 0.7, (n, 1))
            first, second = (rng.random((n, samples)) < chance for _ in range(2))
            changes.append(first.mean(axis=1) - second.mean(axis=1))
        rejected += p_value(changes, samples) <= 0.05
    # Exact tests of few discordant pairs reject less often than 5 %, and never more, noise of the simulation apart.
    assert 0.01 <= rejected / rounds <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / rounds)


def test_holm_is_holms_scheme():
    # By hand, after Holm 1979, section 3: 0.005 x 4, 0.011 x 3, 0.02 x 2, 0.04 x 1, never falling.
    assert holm(np.array([0.04, 0.005, 0.02, 0.011])).tolist() == pytest.approx([0.04, 0.02, 0.04, 0.033])


@few
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_above_raw(values):
    p = np.array(values)
    adjusted = holm(p)
    assert (adjusted >= p).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_holm_agrees_with_statsmodels():
    for size in (1, 5, 40):
        p = np.random.default_rng(size).random(size) ** 3
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_cohens_h_is_the_books():
    # Cohen 1988, section 6.2: h of 0.65 and 0.45 is 0.40 (table 6.2.2: phi of 0.65 is 1.875, of 0.45 is 1.471).
    assert cohens_h(0.65, 0.45) == pytest.approx(1.875 - 1.471, abs=0.001)
    assert cohens_h(1.0, 0.0) == pytest.approx(np.pi) and cohens_h(0.3, 0.3) == 0


def power(n: int, difference: float, discordant: float) -> float:
    """The exact test's power, by enumeration over how many pairs are discordant and how many of them were won."""
    found = 0.0
    for pairs in range(n + 1):
        weight = stats.binom.pmf(pairs, n, discordant)
        if weight < 1e-9 or not pairs:
            continue
        won = np.arange(pairs + 1)
        p = np.minimum(1, 2 * stats.binom.cdf(np.minimum(won, pairs - won), pairs, 0.5))
        found += weight * stats.binom.pmf(won, pairs, (1 + difference / discordant) / 2)[p <= 0.05].sum()
    return found


@pytest.mark.parametrize(("n", "discordant"), [(150, 0.3), (400, 0.2), (1500, 0.1), (1500, 0.5)])
def test_the_detectable_difference_is_found_with_about_the_power_it_says(n, discordant):
    """The exact test is a little weaker than the formula, which is of the uncorrected test."""
    assert 0.74 <= power(n, connor(n, discordant), discordant) <= 0.82


def test_connors_formula_is_solved():
    z, beta = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    for n, discordant in ((200, 0.3), (1273, 0.12)):
        d = connor(n, discordant)
        needed = ((z * np.sqrt(discordant) + beta * np.sqrt(discordant - d**2)) / d) ** 2
        assert needed == pytest.approx(n)


@few
@given(st.integers(2, 5000), st.floats(0, 1))
def test_a_detectable_difference_fits_the_data_it_needs(n, discordant):
    difference = connor(n, discordant)
    assert 0 < difference <= 1
    assert difference <= connor(n, min(1.0, discordant + 0.1)) + 1e-12
    assert connor(2 * n, discordant) <= difference + 1e-12


def test_with_hardly_any_change_all_discordant_pairs_must_lie_on_one_side():
    least = connor(1000, 0.0)
    assert power(1000, least, least) == pytest.approx(0.8, abs=0.06)


def test_samples_and_benchmarks_narrow_what_can_be_seen_as_they_narrow_the_interval():
    rng = np.random.default_rng(2)
    whole = gained(30, 30, 200)
    assert detectable([whole]) == pytest.approx(connor(200, 0.3))
    averaged = rng.permutation(whole) / 2
    assert detectable([averaged]) == pytest.approx(detectable([whole]) / 2, rel=0.01)
    assert detectable([whole, whole]) == pytest.approx(connor(400, 0.3))
