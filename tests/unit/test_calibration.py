"""Known answers for calibration, and for withholding unsure answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hand_made import as_table, sweep_row
from hypothesis import given
from hypothesis import strategies as st

from m1flow import calibration
from m1flow.calibration import (
    Judged,
    calibration_tables,
    option_confidence,
    reliability,
    risk_coverage,
    scores,
    selective,
)
from m1flow.statistics import mean_draws, wilson
from m1flow.storage import write_table


def judged(sure: list[float], correct: list[int], question: list[int] | None = None) -> Judged:
    question = np.arange(len(sure)) if question is None else np.array(question)
    return Judged(question, int(question.max()) + 1, np.array(sure, float), np.array(correct, bool), "b")


def drawn(rng: np.random.Generator, n: int, samples: int = 1, tilt: float = 0.0) -> Judged:
    """Answers that are right as often as they are sure, less ``tilt``."""
    sure = rng.uniform(0.3, 1, n)
    correct = rng.random((n, samples)) < np.clip(sure - tilt, 0, 1)[:, None]
    return judged(np.repeat(sure, samples), correct.ravel(), np.repeat(np.arange(n), samples))


def test_scores_of_a_hand_made_cell():
    got = scores(judged([0.95, 0.95, 0.55, 0.55], [1, 0, 1, 1]))
    assert got["n"] == got["read"] == 4 and got["accuracy"] == 0.75
    assert got["overconfidence"] == pytest.approx(0.0)
    assert got["ece"] == got["ece_mass"] == pytest.approx(0.45)
    assert got["brier"] == pytest.approx(np.mean([0.05**2, 0.95**2, 0.45**2, 0.45**2]))
    # Surest first: a tie of one wrong in two, then none wrong.
    assert got["aurc"] == pytest.approx(np.mean([0.5, 0.5, 1 / 3, 1 / 4]))
    assert got["aurc_best"] == pytest.approx(np.mean([0, 0, 0, 1 / 4])) and got["aurc_random"] == 0.25


def test_unread_answers_are_withheld_first_and_have_no_confidence():
    got = scores(judged([0.9, np.nan, 0.8], [1, 0, 1]))
    assert got["n"] == 3 and got["read"] == 2 and got["accuracy"] == 1
    assert got["confidence_mean"] == pytest.approx(0.85) and got["aurc"] == pytest.approx(np.mean([0, 0, 1 / 3]))


def test_error_without_noise_is_that_of_a_known_offset():
    rng = np.random.default_rng(0)
    tilted = [scores(drawn(rng, 400, tilt=0.2)) for _ in range(30)]
    assert np.mean([one["rms_error"] for one in tilted]) == pytest.approx(0.2, abs=0.015)
    assert np.mean([one["overconfidence"] for one in tilted]) == pytest.approx(0.2, abs=0.01)
    holds = np.mean([one["rms_low"] <= 0.2 <= one["rms_high"] for one in tilted])
    assert holds >= 0.85
    assert np.mean([one["overconfidence_low"] <= 0.2 <= one["overconfidence_high"] for one in tilted]) >= 0.85


def test_a_calibrated_model_shows_no_more_than_chance():
    rng = np.random.default_rng(1)
    got = [scores(drawn(rng, 400)) for _ in range(40)]
    ece, chance = (np.mean([one[name] for one in got]) for name in ("ece_mass", "ece_by_chance"))
    assert ece > 0.03, "the bias that plain ECE has"
    assert chance == pytest.approx(ece, rel=0.12)
    assert np.median([one["rms_error"] for one in got]) < ece
    assert np.mean([one["rms_low"] == 0 for one in got]) >= 0.85


def test_copies_of_an_answer_are_no_new_evidence():
    rng = np.random.default_rng(2)
    once = drawn(rng, 300)
    copied = judged(
        *(np.repeat(a, 4).tolist() for a in (once.sure, once.correct)), np.repeat(once.question, 4).tolist()
    )
    one, four = scores(once), scores(copied)
    for name in ("ece_mass", "ece_by_chance", "rms_error", "brier", "overconfidence_low", "aurc_random"):
        assert four[name] == pytest.approx(one[name], rel=1e-6), name
    assert four["aurc_high"] - four["aurc_low"] == pytest.approx(one["aurc_high"] - one["aurc_low"], rel=0.05)


def test_the_curve_s_intervals_are_over_questions():
    """Of one confidence, so of one bin: one sample a question, copies of it, and one of many samples that differs."""

    def interval(correct: np.ndarray) -> tuple[float, float]:
        questions, samples = correct.shape
        question = np.repeat(np.arange(questions), samples)
        (point,) = reliability(judged([0.7] * correct.size, correct.ravel(), question))
        return point["ci_low"], point["ci_high"]

    once = np.arange(40)[:, None] < 30
    for copies in (1, 4):
        assert interval(np.repeat(once, copies, axis=1)) == pytest.approx(wilson(30, 40))
    right = np.ones((150, 8))
    assert interval(right) == pytest.approx(wilson(150, 150))
    right[0, 0] = 0
    assert interval(right)[0] < wilson(150, 150)[0]


def test_questions_with_few_and_many_answers_count_as_a_bootstrap_counts_them():
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 9, 500)
    hits = rng.binomial(counts, rng.beta(1, 1, 500))
    correct = [k < hit for count, hit in zip(counts, hits, strict=True) for k in range(count)]
    (point,) = reliability(judged([0.7] * len(correct), correct, np.repeat(np.arange(500), counts)))
    draws = mean_draws(np.column_stack([hits, counts]).astype(float), "b")
    low, high = np.percentile(draws[:, 0] / draws[:, 1], [2.5, 97.5])
    assert (point["ci_low"], point["ci_high"]) == pytest.approx((low, high), abs=0.004)


def test_interval_of_the_area_is_that_of_the_bootstrap():
    rng = np.random.default_rng(3)
    cell = drawn(rng, 500, samples=2)
    got = selective(cell)
    areas = []
    for _ in range(400):
        picked = rng.integers(500, size=500)
        rows = (2 * picked[:, None] + np.arange(2)).ravel()
        again = judged(cell.sure[rows].tolist(), cell.correct[rows].tolist())
        areas.append(selective(again)["aurc"])
    width = np.diff(np.percentile(areas, [2.5, 97.5])).item()
    assert got["aurc_high"] - got["aurc_low"] == pytest.approx(width, rel=0.15)


answers = st.lists(st.tuples(st.sampled_from([np.nan, 0.1, 0.5, 0.7, 1.0]), st.booleans()), min_size=2, max_size=30)


@given(answers.filter(lambda case: any(sure == sure for sure, _ in case)))
def test_scores_stay_within_their_bounds(case):
    cell = judged([sure for sure, _ in case], [right and sure == sure for sure, right in case])
    got = scores(cell)
    assert 0 <= got["aurc_best"] <= got["aurc"] + 1e-12 <= 1 + 1e-9
    assert got["aurc_random"] == pytest.approx(1 - cell.correct.mean())
    assert abs(got["overconfidence"]) <= got["ece"] + 1e-9 and got["ece"] <= 1
    assert 0 <= got["rms_low"] <= got["rms_high"] and 0 <= got["brier"] <= 1
    points = list(reliability(cell))
    assert sum(point["n"] for point in points) == got["read"]
    assert all(point["ci_low"] <= point["y"] <= point["ci_high"] for point in points)
    curve = list(risk_coverage(cell))
    assert curve[-1]["x"] == 1 and curve[-1]["y"] == pytest.approx(got["aurc_random"])


def test_confidence_over_options_is_a_softmax():
    logprobs = pd.Series([[-1.0, -1.0], [-3.0, -3.0, -3.0 + np.log(2)], None, [0.0, 0.0], [-np.inf, -1.0]])
    sure, mass = option_confidence(logprobs, np.array([1, 2, 0, -1, 1]))
    assert sure[:2].tolist() == pytest.approx([0.5, 0.5]) and np.isnan(sure[2:4]).all() and sure[4] == 1
    assert mass[[0, 1, 4]].tolist() == pytest.approx([2 * np.exp(-1), 4 * np.exp(-3), np.exp(-1)])
    assert np.isnan(mass[2:4]).all()


def test_tables_of_a_sweep(tmp_path):
    rng = np.random.default_rng(4)
    rows = []
    for number in range(80):
        for budget in (0, 10):
            chosen = None if number == 0 else int(rng.integers(3))
            columns = {"answer_logprob": -float(rng.random()), "option_logprobs": rng.normal(0, 1, 3).tolist()}
            rows.append(sweep_row(f"q{number}", chosen, budget=budget, **columns))
            rows.append(sweep_row(f"q{number}", chosen, budget=budget, permutation=1, **columns))
    write_table(tmp_path / "m" / "b.parquet", as_table(rows), "sweeps")
    table, curves = calibration_tables([tmp_path / "m" / "b.parquet"])
    assert table.columns.tolist() == calibration.COLUMNS and curves.columns.tolist() == calibration.CURVE_COLUMNS
    assert list(zip(table["budget"], table["confidence"], strict=True)) == [
        (budget, kind) for budget in (0, 10) for kind in ("options", "answer")
    ]
    assert table["n"].eq(80).all() and table["read"].eq(79).all()
    answer = table[table["confidence"] == "answer"]["confidence_mean"]
    assert answer.between(np.exp(-0.25), 1).all(), "per token, of four"
    assert set(curves["budget"]) == {10} and len(curves) == 2 * (calibration.BINS + 20)


def test_no_probabilities_no_tables(tmp_path):
    write_table(tmp_path / "m" / "b.parquet", as_table([sweep_row("q", 0), sweep_row("r", None)]), "sweeps")
    table, curves = calibration_tables([tmp_path / "m" / "b.parquet"])
    assert not len(table) and not len(curves) and table.columns.tolist() == calibration.COLUMNS
