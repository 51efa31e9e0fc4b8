"""Known answers for every statistic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.synthetic_study import sweep_rows
from m1flow.analysis import cells, intervals
from m1flow.analysis.tables.macro import macro_average
from m1flow.errors import M1FlowError
from m1flow.files.parquet import write_table


def rows_of(correct: list[list[int]], **fixed: object) -> pd.DataFrame:
    """Sweep rows of one cell; correct[question][sample]."""
    defaults = {
        "model": "m",
        "benchmark": "b",
        "budget": 8,
        "extensions": 0,
        "thinking_tokens": 8,
        "natural_end": True,
        **fixed,
    }
    return pd.DataFrame(
        [
            {"question_id": f"q{q}", "sample": s, "correct": bool(right), "parsed_index": 0 if right else 1, **defaults}
            for q, samples in enumerate(correct)
            for s, right in enumerate(samples)
        ]
    )


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    # Newcombe 1998, Stat. Med. 17:857, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(correct, n, low, high):
    assert intervals.wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy_and_holds_the_proportion(case):
    correct, n = case
    low, high = intervals.wilson(correct, n)
    other = stats.binomtest(correct, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((other.low, other.high), abs=1e-12)
    assert 0 <= low <= correct / n <= high <= 1


def test_no_observation_tells_nothing():
    assert intervals.wilson(0, 0) == (0.0, 1.0)


def test_one_sample_a_question_is_wilson():
    estimate = intervals.proportion(rows_of([[1]] * 81 + [[0]] * 182))
    assert (estimate.low, estimate.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.sampled_from([1, 3, 5]))
def test_copies_of_a_question_s_samples_are_no_new_evidence(right, copies):
    """Copied samples must give the interval of one, not one that is narrower by the root of their number."""
    once, copied = (
        intervals.proportion(rows_of([[int(sample < many) for sample in range(4)] * times for many in right]))
        for times in (1, copies)
    )
    assert (copied.value, copied.low, copied.high, copied.n) == pytest.approx((once.value, once.low, once.high, once.n))


def test_several_samples_match_the_cluster_robust_normal_interval():
    rng = np.random.default_rng(1)
    answers = [[int(x) for x in rng.random(4) < p] for p in rng.beta(1, 1, 400)]
    estimate = intervals.proportion(rows_of(answers))
    means = np.array(answers).mean(axis=1)
    half = 1.96 * means.std(ddof=1) / np.sqrt(len(means))
    assert (estimate.low, estimate.high) == pytest.approx((means.mean() - half, means.mean() + half), abs=0.006)


@pytest.mark.parametrize("right", [0, 1])
def test_unanimous_samples_still_have_an_interval(right):
    estimate = intervals.proportion(rows_of([[right] * 3] * 20))
    assert (estimate.low, estimate.high) == pytest.approx(intervals.wilson(20 * right, 20))
    assert estimate.high - estimate.low > 0.1


def test_the_order_of_rows_has_no_say():
    rows = rows_of([[1, 0], [1, 1], [0, 0], [0, 1]])
    assert intervals.proportion(rows) == intervals.proportion(rows.sample(frac=1, random_state=3))


def test_cells_follow_the_contract():
    rows = rows_of([[1], [0], [0], [1]])
    rows["thinking_tokens"], rows["natural_end"] = [2, 4, 8, 8], [True, True, False, False]
    rows["parsed_index"] = [0, None, 1, 0]
    (cell,) = cells.cells(rows).to_dict("records")
    assert list(cell) == list(cells.COLUMNS)
    assert (cell["n"], cell["correct"], cell["accuracy"]) == (4, 2, 0.5)
    assert (cell["thinking_tokens_mean"], cell["truncated_rate"], cell["unparsed_rate"]) == (5.5, 0.5, 0.25)


def change_of(values: list[float]) -> intervals.Estimate:
    """The mean of questions' changes, with its interval."""
    return intervals.means_with_intervals({"b": np.array(values)[:, None]}, change=True)["b"].estimate(0)


def test_changes_of_one_sample_have_the_bonett_price_interval():
    # By hand: n=100, 30 gained, 10 lost -> p=(31/102, 11/102), half = 1.959964 * sqrt((42/102-(20/102)^2)/102).
    change = change_of([1.0] * 30 + [-1.0] * 10 + [0.0] * 60)
    half = 1.959964 * ((42 / 102 - (20 / 102) ** 2) / 102) ** 0.5
    assert change.value == pytest.approx(0.2)
    assert (change.low, change.high) == pytest.approx((20 / 102 - half, 20 / 102 + half), abs=1e-6)


def test_a_few_questions_all_alike_do_not_prove_a_difference_of_one():
    change = change_of([1.0] * 3)
    assert change.value == change.high == 1 and change.low < 0.5
    change = change_of([0.0] * 3)
    assert change.low < -0.3 and change.high > 0.3


@pytest.mark.parametrize("share", [0.0, 1e-16, 1 - 1e-16, 1.0, 1 + 2e-16])
def test_rounding_does_not_make_all_right_or_all_wrong_unsure(share):
    """Shares that are sums, as those over subsets of samples, are 0 or 1 up to rounding only."""
    means = intervals.means_with_intervals({"b": np.full((50, 1), share)})["b"]
    assert (means.low[0], means.high[0]) == pytest.approx(intervals.wilson(50 * round(share), 50))


@pytest.mark.parametrize("gained", [0, 1, 2, 5, 20])
def test_a_change_in_few_of_many_samples_is_not_surer_than_none(gained):
    """150 questions, 8 samples each: so many questions are right once more often."""
    none, change = change_of([0.0] * 150), change_of([1 / 8] * gained + [0.0] * (150 - gained))
    assert change.high - change.low >= none.high - none.low > 0.036
    assert change.low < 0 < change.high


@pytest.mark.parametrize("right", [False, True])
def test_one_sample_that_differs_does_not_make_all_others_surer(right):
    """150 questions, 8 samples each, all alike but so many samples of different questions."""

    def interval(others: int) -> intervals.Estimate:
        answers = [[int(right)] * 7 + [int(right ^ (number < others))] for number in range(150)]
        return intervals.proportion(rows_of(answers))

    found = [interval(others) for others in range(12)]
    widths = [one.high - one.low for one in found]
    assert widths == sorted(widths) and widths[0] == pytest.approx(0.025, abs=0.001)
    for side in ("low", "high"):
        limits = [getattr(one, side) for one in found]
        assert limits == sorted(limits, reverse=right)


def test_the_interval_of_unpaired_proportions_is_newcombes():
    # Newcombe 1998, Stat. Med. 17:873, table II, case (a): 56/70 - 48/80, method 10: 0.0524 to 0.3339.
    interval = intervals.unpaired_interval(56 / 70, *intervals.wilson(56, 70), 48 / 80, *intervals.wilson(48, 80))
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_macro_average_weighs_benchmarks_not_questions():
    rows = pd.concat([rows_of([[1]] * 100, benchmark="large"), rows_of([[1], [0]] * 40, benchmark="small")])
    (macro,) = macro_average(rows).to_dict("records")
    assert macro["accuracy"] == 0.75
    # Half of what each benchmark's own interval leaves open.
    large, small = intervals.wilson(100, 100), intervals.wilson(40, 80)
    below = np.hypot(1 - large[0], 0.5 - small[0]) / 2
    assert (macro["ci_low"], macro["ci_high"]) == pytest.approx((0.75 - below, 0.75 + (small[1] - 0.5) / 2))


def test_macro_average_leaves_out_cells_that_lack_a_benchmark():
    rows = pd.concat([rows_of([[1]], benchmark=b, budget=8) for b in "ab"] + [rows_of([[1]], benchmark="a", budget=9)])
    assert macro_average(rows)["budget"].tolist() == [8]


def test_sweeps_are_named_by_their_paths_and_checked(tmp_path):
    path = tmp_path / "student" / "exam.parquet"
    rows = sweep_rows("full_200", "in_domain", 4)
    write_table(path, rows, "sweeps")
    read = cells.read_sweeps([path])
    assert set(read["model"]) == {"student"} and set(read["benchmark"]) == {"exam"}
    for broken, complaint in ((pd.concat([rows, rows[:1]]), "twice"), (rows[:0], "no rows")):
        write_table(path, broken, "sweeps")
        with pytest.raises(M1FlowError, match=complaint):
            cells.read_sweeps([path])


def test_benchmarks_where_all_is_right_still_leave_the_macro_average_uncertain():
    values = {"a": np.ones((40, 1)), "b": np.ones((60, 1))}
    macro = intervals.means_with_intervals(values)[intervals.MACRO]
    below = [1 - intervals.wilson(n, n)[0] for n in (40, 60)]
    assert (macro.low[0], macro.high[0]) == pytest.approx((1 - np.hypot(*below) / 2, 1.0))


def coverage(draw, truth: np.ndarray, rounds: int, **how: bool) -> np.ndarray:
    """How often intervals hold the truth: (benchmark, quantity), the macro average last."""
    held = 0
    for _ in range(rounds):
        means = intervals.means_with_intervals(draw(), **how)
        held = held + np.array([(one.low <= truth) & (truth <= one.high) for one in means.values()])
    return held / rounds


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Questions of unequal difficulty; one benchmark has one sample of each, the other three."""
    rng = np.random.default_rng(6)

    def draw() -> dict[str, np.ndarray]:
        chance = rng.beta(0.7, 0.3, (2, 70, 1))
        return {"one": (rng.random((70, 1)) < chance[0]).astype(float), "three": rng.binomial(3, chance[1]) / 3}

    held = coverage(draw, np.array([0.7]), 300)
    assert ((held >= 0.91) & (held <= 0.985)).all(), held


@pytest.mark.parametrize("questions", [30, 150])
@pytest.mark.parametrize("alike", [0.5, 3.0, 1e6])
def test_intervals_hold_the_truth_near_the_ends_however_much_questions_differ(questions, alike):
    """Eight samples of questions whose chances differ much, less, and not at all."""
    rng, rounds = np.random.default_rng(8), 1000
    for truth in (0.98, 0.6):
        chance = rng.beta(truth * alike, (1 - truth) * alike, (questions, rounds))
        means = intervals.means_with_intervals({"b": rng.binomial(8, chance) / 8})["b"]
        held = ((means.low <= truth) & (truth <= means.high)).mean()
        assert held >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / rounds), (truth, held)


@pytest.mark.parametrize("gain", [0.0, 0.02, 0.15])
def test_intervals_of_changes_hold_the_truth(gain):
    """Eight samples before and after; chances of questions differ, and so does what they gain."""
    rng, rounds = np.random.default_rng(9), 1000
    before = rng.beta(0.7, 0.3, (60, rounds)) * 0.7
    after = before + gain * rng.binomial(1, 0.5, before.shape) * 2
    change = (rng.binomial(8, after) - rng.binomial(8, before)) / 8
    means = intervals.means_with_intervals({"b": change}, change=True)["b"]
    held = ((means.low <= gain) & (gain <= means.high)).mean()
    assert held >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / rounds), held


def test_a_number_has_one_interval_in_all_tables():
    rng = np.random.default_rng(10)
    rows = rows_of(rng.binomial(1, rng.beta(1, 1, (50, 1)), (50, 3)).tolist())
    (cell,), (macro,) = cells.cells(rows).to_dict("records"), macro_average(rows).to_dict("records")
    shares = rows.groupby("question_id", sort=False)["correct"].mean().to_numpy()
    means = intervals.means_with_intervals({"other": shares[:, None]})["other"]
    for name, value in means.row(0).items():
        assert cell[name] == pytest.approx(value) and macro[name] == pytest.approx(value)


def test_intervals_of_many_quantities_together_hold_all_at_once():
    rng, truth, rounds = np.random.default_rng(7), np.linspace(0.3, 0.8, 6), 200
    alone, together = 0, 0
    for _ in range(rounds):
        values = {"b": (rng.random((120, 6)) < truth).astype(float)}
        for joint in (False, True):
            means = intervals.means_with_intervals(values, together=joint)["b"]
            all_held = ((means.low <= truth) & (truth <= means.high)).all()
            alone, together = alone + (all_held and not joint), together + (all_held and joint)
    assert together / rounds >= 0.92
    # Six independent intervals hold together in about 0.95 ** 6 = 74 % of rounds.
    assert alone / rounds < 0.85


def test_intervals_together_are_never_narrower():
    values = {"b": (np.random.default_rng(1).random((50, 4)) < 0.6).astype(float)}
    for change in (False, True):
        plain, joint = (intervals.means_with_intervals(values, together=t, change=change)["b"] for t in (False, True))
        assert (joint.low <= plain.low).all() and (joint.high >= plain.high).all()
