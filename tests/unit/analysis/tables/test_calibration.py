"""Known answers for calibration, and for withholding unsure answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.confident_answers import drawn, judged
from helpers.hand_made import as_table, sweep_row
from m1flow.analysis import confidence
from m1flow.analysis.tables import calibration, calibration_curves
from m1flow.analysis.tables.calibration import scores, selective
from m1flow.analysis.tables.calibration_curves import reliability, risk_coverage
from m1flow.files.parquet import write_table


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
    table, curves = (module.make(sweeps=[tmp_path / "m" / "b.parquet"]) for module in (calibration, calibration_curves))
    assert (
        table.columns.tolist() == calibration.TABLE.names and curves.columns.tolist() == calibration_curves.TABLE.names
    )
    assert list(zip(table["budget"], table["confidence"], strict=True)) == [
        (budget, kind) for budget in (0, 10) for kind in ("options", "answer")
    ]
    assert table["n"].eq(80).all() and table["read"].eq(79).all()
    answer = table[table["confidence"] == "answer"]["confidence_mean"]
    assert answer.between(np.exp(-0.25), 1).all(), "per token, of four"
    assert set(curves["budget"]) == {10} and len(curves) == 2 * (confidence.BINS + 20)


def test_no_probabilities_no_tables(tmp_path):
    write_table(tmp_path / "m" / "b.parquet", as_table([sweep_row("q", 0), sweep_row("r", None)]), "sweeps")
    table, curves = (module.make(sweeps=[tmp_path / "m" / "b.parquet"]) for module in (calibration, calibration_curves))
    assert not len(table) and not len(curves) and table.columns.tolist() == calibration.TABLE.names
