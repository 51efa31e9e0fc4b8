"""Several training seeds: both questions and seeds are samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from helpers.hand_made import made_grid
from m1flow.analysis import intervals
from m1flow.analysis.intervals import MACRO
from m1flow.analysis.tables.replicates import TABLE, replicates_table
from m1flow.errors import M1FlowError
from m1flow.study.study import Study
from m1flow.sweep.grids import Grid

DEMO = Path(__file__).resolve().parents[4] / "config" / "config.yaml"
GROUP = {"student": ["s0", "s1", "s2"]}


def seeds_of(right: np.ndarray, benchmark: str = "b") -> dict[str, list[Grid]]:
    """Grids of models s0, s1, ... from what is right: (seed, question, budget)."""
    wrong = (~np.asarray(right, bool)).astype(int)
    return {
        f"s{k}": [replace(made_grid(one[:, None, :], benchmark=benchmark), model=f"s{k}")]
        for k, one in enumerate(wrong)
    }


def test_means_and_spread_by_hand():
    right = np.zeros((3, 10, 2), bool)
    for seed, (few, many) in enumerate([(2, 6), (4, 7), (6, 8)]):
        right[seed, :few, 0] = right[seed, :many, 1] = True
    table = replicates_table(seeds_of(right), GROUP)
    assert list(table.columns) == TABLE.names
    first, last = table.to_dict("records")
    assert (first["budget"], first["seeds"], first["n"], first["accuracy"]) == (10, 3, 10, pytest.approx(0.4))
    assert first["seed_sd"] == pytest.approx(0.2) and last["seed_sd"] == pytest.approx(0.1)
    assert (last["lowest"], last["highest"]) == (0.6, 0.8) and last["ci_low"] < 0.7 < last["ci_high"]


def test_copies_of_one_seed_are_no_new_evidence():
    one = np.random.default_rng(0).random((1, 200, 1)) < 0.6
    (row,) = replicates_table(seeds_of(np.repeat(one, 3, axis=0)), GROUP).to_dict("records")
    low, high = intervals.wilson(int(one.sum()), 200)
    assert row["seed_sd"] == 0 and (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))


def test_seeds_that_differ_widen_the_interval():
    base = np.random.default_rng(1).random((1, 300, 1))
    alike, apart = np.repeat(base, 3, axis=0) < 0.6, base < np.array([0.4, 0.6, 0.8])[:, None, None]
    widths = [
        row["ci_high"] - row["ci_low"]
        for right in (alike, apart)
        for row in replicates_table(seeds_of(right), GROUP).to_dict("records")
    ]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize("seeds", [3, 5])
def test_with_many_questions_the_interval_is_students_over_seeds(seeds):
    right = np.arange(40_000)[:, None] < 40_000 * np.linspace(0.3, 0.7, seeds)[:, None, None]
    names = {"student": [f"s{k}" for k in range(seeds)]}
    (row,) = replicates_table(seeds_of(right), names).to_dict("records")
    each = np.linspace(0.3, 0.7, seeds)
    low, high = stats.t.interval(0.95, seeds - 1, each.mean(), stats.sem(each))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((max(0, low), min(1, high)), abs=0.001)


@pytest.mark.parametrize(("seeds", "spread"), [(3, 0.06), (3, 0.0), (8, 0.06)])
def test_the_interval_holds_the_truth_where_seeds_and_questions_both_vary(seeds, spread):
    rng, held, rounds = np.random.default_rng(3), 0, 200
    names = {"student": [f"s{k}" for k in range(seeds)]}
    for _ in range(rounds):
        chance = 0.6 + rng.normal(0, spread, (seeds, 1, 1)) + rng.uniform(-0.2, 0.2, (1, 60, 1))
        (row,) = replicates_table(seeds_of(rng.random((seeds, 60, 1)) < chance), names).to_dict("records")
        held += row["ci_low"] <= 0.6 <= row["ci_high"]
    assert held / rounds >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / rounds)


@pytest.mark.parametrize(("seeds", "alike"), [(3, 0.5), (5, 0.5), (5, 3.0)])
def test_the_interval_holds_the_truth_near_one(seeds, alike):
    """150 questions whose chances differ, with 0.98 on average; seeds don't differ."""
    rng, held, rounds = np.random.default_rng(6), 0, 200
    names = {"student": [f"s{k}" for k in range(seeds)]}
    for _ in range(rounds):
        chance = rng.beta(0.98 * alike, 0.02 * alike, (1, 150, 1))
        (row,) = replicates_table(seeds_of(rng.random((seeds, 150, 1)) < chance), names).to_dict("records")
        held += row["ci_low"] <= 0.98 <= row["ci_high"]
    assert held / rounds >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / rounds)


def test_a_macro_average_of_copies_of_a_seed_has_the_interval_of_that_seed():
    """One benchmark varies, in the other all questions are right."""
    right = {"b": np.random.default_rng(7).random((1, 30, 1)) < 0.9, "c": np.ones((1, 40, 1), bool)}
    models = [seeds_of(np.repeat(one, 3, axis=0), name) for name, one in right.items()]
    table = replicates_table({seed: [*models[0][seed], *models[1][seed]] for seed in models[0]}, GROUP)
    own = intervals.means_with_intervals({name: one[0].astype(float) for name, one in right.items()})
    for row in table.to_dict("records"):
        expected = own[row["benchmark"]].row(0)
        assert [row[name] for name in expected] == pytest.approx(list(expected.values()))


def test_all_right_by_every_seed_is_still_uncertain():
    (row,) = replicates_table(seeds_of(np.ones((3, 20, 1))), GROUP).to_dict("records")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(intervals.wilson(20, 20))


def test_benchmarks_have_a_macro_average_whose_seeds_are_drawn_together():
    rng = np.random.default_rng(4)
    first, second = (seeds_of(rng.random((3, 40, 1)) < p, name) for p, name in ((0.3, "b"), (0.9, "c")))
    table = replicates_table({name: [*first[name], *second[name]] for name in first}, GROUP).set_index("benchmark")
    assert table.loc[MACRO, "accuracy"] == pytest.approx(table.loc[["b", "c"], "accuracy"].mean())
    assert table.loc[MACRO, "n"] == 80


def test_only_what_all_have_is_compared(caplog):
    models = seeds_of(np.random.default_rng(5).random((3, 12, 2)) < 0.5)
    (first,) = models["s0"]
    models["s0"] = [replace(first, questions=np.array([*first.questions[:-1], "other"], object))]
    (second,) = models["s1"]
    models["s1"] = [replace(second, cells=[(10, 0), (99, 0)])]
    (row,) = replicates_table(models, GROUP).to_dict("records")
    assert (row["n"], row["budget"]) == (11, 10) and "left out 1 questions that not all" in caplog.text
    del models["s2"]
    assert replicates_table(models, GROUP)["seeds"].tolist() == [2] and "no sweep" in caplog.text
    assert not len(replicates_table({"s0": models["s0"]}, GROUP))


def study_with(models: dict, students: dict, replicates: list[str]) -> Study:
    config = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    student = config["students"]["tiny_hard_1000"]
    config["students"] |= {name: student | changed for name, changed in students.items()}
    config["models"] |= models
    return Study.from_config(config | {"replicates": {"tiny": replicates}}, [DEMO])


def test_a_study_names_its_replicates():
    study = study_with({"again": {}}, {"again": {"seed": 1}}, ["tiny_hard_1000", "again"])
    assert study.replicates == {"tiny": ("tiny_hard_1000", "again")}
    assert {study.students[name].seed for name in ("tiny_hard_1000", "again")} == {0, 1}


@pytest.mark.parametrize(
    ("changed", "members", "complaint"),
    [
        ({"seed": 1}, ["tiny_hard_1000", "agian"], "not in models .*did you mean 'again'"),
        ({"seed": 1}, ["again", "tiny"], "'tiny' is not fine-tuned in this study"),
        ({"seed": 1, "adapters": "lora"}, ["again", "tiny_hard_1000"], "differ in adapters, not in the seed alone"),
        ({"seed": 1, "format": "direct"}, ["again", "tiny_hard_1000"], "differ in format, not in the seed alone"),
        ({}, ["again", "tiny_hard_1000"], r"the same seed \(0, 0\); give each its own"),
    ],
)
def test_replicates_that_are_none_are_refused_in_one_line(changed, members, complaint):
    with pytest.raises(M1FlowError, match=rf"replicates\.tiny: .*{complaint}") as caught:
        study_with({"again": {}}, {"again": changed}, members)
    assert "\n" not in str(caught.value)
