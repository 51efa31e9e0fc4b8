"""Kinds of error and the judge's agreement with people: counts, shares and kappa."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from helpers.judged_answers import judged_rows
from m1flow.analysis.tables import judge_agreement
from m1flow.analysis.tables.judge_agreement import agreement_table, kappa
from m1flow.study.hand_labels import AnswerKey


def test_kappa_is_the_published_one_and_that_of_its_definition():
    # Fleiss, Statistical Methods for Rates and Proportions, 2nd ed. 1981, ch. 13: kappa 0.68, standard error 0.087.
    published = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert kappa(published) == pytest.approx((0.6765, 0.5046, 0.8484), abs=1e-4)
    shares = published / 100
    chance = float(shares.sum(axis=0) @ shares.sum(axis=1))
    assert kappa(published)[0] == pytest.approx((np.trace(shares) - chance) / (1 - chance))


@given(cells=st.lists(st.integers(0, 30), min_size=9, max_size=9))
def test_kappa_is_that_of_statsmodels(cells):
    table = np.array(cells).reshape(3, 3)
    value, low, high = kappa(table)
    assume(not np.isnan(low))
    expected = cohens_kappa(table)
    assert value == pytest.approx(expected.kappa)
    assert (low, high) == pytest.approx((max(-1, expected.kappa_low), min(1, expected.kappa_upp)))


def test_the_interval_of_kappa_is_that_of_a_bootstrap():
    table = np.array([[30, 8, 4], [6, 35, 5], [4, 3, 15]])
    n = table.sum()
    draws = np.random.default_rng(0).multinomial(n, table.ravel() / n, size=5000).reshape(-1, 3, 3) / n
    chance = (draws.sum(axis=1) * draws.sum(axis=2)).sum(axis=1)
    low, high = np.percentile((draws.trace(axis1=1, axis2=2) - chance) / (1 - chance), [2.5, 97.5])
    assert kappa(table)[1:] == pytest.approx((low, high), abs=0.02)


@pytest.mark.parametrize(
    ("table", "value"),
    [
        (np.diag([5, 4, 3]), 1.0),
        (np.diag([5, 0, 0]), None),
        (np.zeros((3, 3), int), None),
        (np.array([[0, 9, 0], [0, 0, 0], [0, 0, 0]]), 0.0),
        (np.array([[4, 0, 0], [3, 0, 0], [0, 0, 0]]), 0.0),
        (np.array([[0, 5, 0], [5, 0, 0], [0, 0, 0]]), -1.0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_kappa_without_an_interval_or_at_all_says_so(table, value):
    found, low, high = kappa(table)
    assert np.isnan(found) if value is None else found == pytest.approx(value)
    assert np.isnan(low) and np.isnan(high)


def test_agreement_counts_each_hand_label_once_and_leaves_out_what_was_not_read():
    said = [
        ("q0", "knowledge"),
        ("q1", "reasoning"),
        ("q2", "reasoning"),
        ("q3", None),
        ("q4", "other"),
        ("q5", "other"),
    ]
    rows = [("m", benchmark, key, 0, False, label) for benchmark in ("a", "b") for key, label in said]
    by_hand = {"q0": "knowledge", "q1": "knowledge", "q2": "reasoning", "q3": "other", "q4": "other", "gone": "other"}
    labels = {AnswerKey("m", key): label for key, label in by_hand.items()} | {AnswerKey("m", "q5", 1): "other"}
    table = agreement_table(judged_rows(*rows), labels)
    assert list(table) == judge_agreement.TABLE.names
    counts = table[["hand_label", "n", "judged_knowledge", "judged_reasoning", "judged_other", "unread", "agreement"]]
    assert counts.values.tolist() == [
        ["knowledge", 2, 1, 1, 0, 0, 0.5],
        ["reasoning", 1, 0, 1, 0, 0, 1.0],
        ["other", 1, 0, 0, 1, 1, 1.0],
        ["all", 4, 1, 2, 1, 1, 0.75],
    ]
    assert table["kappa"][:3].isna().all() and table["kappa"][3] == pytest.approx((0.75 - 0.3125) / (1 - 0.3125))
    assert tuple(table.loc[3, ["ci_low", "ci_high"]]) == pytest.approx(proportion_confint(3, 4, method="wilson"))
    assert table["kappa_low"][3] < table["kappa"][3] < table["kappa_high"][3] <= 1


@pytest.mark.parametrize("labels", [{}, {AnswerKey("m", "q9"): "other"}])
def test_without_a_common_answer_there_is_no_agreement(labels):
    table = agreement_table(judged_rows(("m", "b", "q0", 0, True, "other")), labels)
    assert list(table) == judge_agreement.TABLE.names and not len(table)
