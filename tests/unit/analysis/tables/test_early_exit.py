"""Known answers for early exit, and that no threshold sees the questions it is scored on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.hand_made import made_grid
from m1flow.analysis.choosing import random_halves
from m1flow.analysis.intervals import MACRO
from m1flow.analysis.tables import early_exit
from m1flow.analysis.tables.early_exit import (
    Aim,
    Exits,
    Setting,
    choose,
    crossed,
    early_exit_table,
    settings_for,
    simulate,
)
from m1flow.sweep.grids import UNREAD

# One question, one sample, cuts at 10, 20, 30, 40 tokens; thinking ends by itself after 35.
LINE = {
    "chosen": [[[1, 2, 2, 0]]],
    "thinking": [[[10, 20, 30, 35]]],
    "natural": [[[False, False, False, True]]],
    "logprob": [[[math.log(0.7), math.log(0.6), math.log(0.95), math.log(0.9)]]],
}


@pytest.mark.parametrize(
    ("setting", "right", "thinking", "probes"),
    [
        (Setting("full"), 1, 35, 0),
        (Setting("stable", 2), 0, 30, 10),
        (Setting("stable", 3), 1, 35, 15),
        (Setting("confident", probability=0.6), 0, 10, 0),
        (Setting("confident", probability=0.9), 0, 30, 10),
        (Setting("confident", probability=0.99), 1, 35, 15),
        (Setting("both", 2, 0.5), 0, 30, 10),
        (Setting("both", 2, 0.99), 1, 35, 15),
    ],
)
def test_where_a_rule_stops_and_what_it_pays(setting, right, thinking, probes):
    exits = simulate(made_grid(**LINE), [setting])
    assert (exits.right.item(), exits.thinking.item(), exits.probes.item()) == (right, thinking, probes)


def test_an_end_of_thinking_is_an_exit_without_a_probe():
    grid = made_grid([[[1, 0, 0]]], thinking=[[[10, 15, 15]]], natural=[[[False, True, True]]])
    exits = simulate(grid, [Setting("stable", 3)])
    assert (exits.thinking.item(), exits.probes.item(), exits.right.item()) == (15, 5, 1)


def test_an_unread_answer_is_never_stable_nor_sure():
    grid = made_grid([[[UNREAD, UNREAD, 0]]], logprob=0.0)
    exits = simulate(grid, [Setting("stable", 2), Setting("confident", probability=0.5)])
    assert exits.thinking.tolist() == [[30, 30]]
    assert early_exit.same_in_a_row(np.array([[[1, 1, UNREAD, 1, 2, 2, 2]]])).tolist() == [[[1, 2, 0, 1, 1, 2, 3]]]


lines = st.integers(1, 5).flatmap(
    lambda cuts: st.tuples(
        hnp.arrays(np.int16, (3, 2, cuts), elements=st.integers(UNREAD, 2)),
        hnp.arrays(float, (3, 2, cuts), elements=st.floats(-3, 0)),
        hnp.arrays(int, (3, 2), elements=st.integers(1, 60)),
    )
)


@given(lines)
def test_no_exit_spends_more_than_was_generated_nor_thinks_longer(case):
    chosen, logprob, length = case
    budgets = 10 * np.arange(1, chosen.shape[2] + 1)
    natural = length[..., None] < budgets
    thinking = np.minimum(length[..., None], budgets)
    # After thinking has ended, cuts share one answer.
    last = np.minimum(natural.argmax(axis=2) + (~natural.any(axis=2)) * len(budgets), len(budgets) - 1)
    at = np.minimum(np.arange(len(budgets)), last[..., None])
    chosen, logprob = (np.take_along_axis(array, at, axis=2) for array in (chosen, logprob))
    grid = made_grid(chosen, logprob=logprob, thinking=thinking, natural=natural)
    settings = settings_for([grid])
    exits = simulate(grid, settings)
    assert (exits.thinking <= exits.thinking[:, :1]).all()
    assert (exits.probes <= 5 * (len(budgets) - 1)).all() and (exits.right <= 1).all()
    best = grid.correct.any(axis=2).mean(axis=1)
    assert (exits.right <= best[:, None]).all()
    # Stricter rules stop no earlier.
    stable = [number for number, setting in enumerate(settings) if setting.rule == "stable"]
    sure = [number for number, setting in enumerate(settings) if setting.rule == "confident"]
    for numbers in (stable, sure):
        assert (np.diff(exits.thinking[:, numbers], axis=1) >= 0).all()


def exits_of(rng: np.random.Generator, questions: int = 40, settings: int = 4) -> tuple[Exits, list[Setting]]:
    full = rng.integers(50, 100, (questions, 1))
    thinking = np.hstack([full, full * rng.random((1, settings - 1))])
    right = (rng.random((questions, settings)) < 0.6).astype(float)
    names = [Setting("full"), *(Setting("stable", m) for m in range(2, settings + 1))]
    return Exits(right, thinking.astype(float), np.full((questions, settings), 3.0)), names


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.5]))
def test_a_threshold_never_looks_at_the_scored_half(seed, tolerance):
    rng = np.random.default_rng(seed)
    exits, settings = exits_of(rng)
    half = random_halves(40, "b")[seed % 2]
    chosen = choose(exits, settings, half, Aim("stable", tolerance))
    other = Exits(*(array.copy() for array in (exits.right, exits.thinking, exits.probes)))
    other.right[~half] = rng.permutation(other.right[~half])
    other.thinking[~half] = 0
    assert choose(other, settings, half, Aim("stable", tolerance)) == chosen
    accuracy = exits.right[half].mean(axis=0)
    assert accuracy[chosen] >= accuracy[0] - tolerance - 1e-9


def test_the_cheapest_accurate_setting_is_chosen():
    right = np.array([[1, 1, 1, 0]] * 3 + [[1, 1, 0, 0]])
    thinking = np.tile([100.0, 80, 50, 10], (4, 1))
    probes = np.tile([0.0, 30, 20, 5], (4, 1))
    settings = [Setting("full"), Setting("stable", 3), Setting("stable", 2), Setting("confident", probability=0.5)]
    everything = np.ones(4, bool)
    picked = {
        aim: choose(Exits(right, thinking, probes), settings, everything, aim)
        for aim in (Aim("stable", 0.0), Aim("stable", 0.0, "thinking"), Aim("stable", 0.3), Aim("confident", 0.5))
    }
    assert list(picked.values()) == [0, 1, 2, 0]


def test_every_question_is_scored_once_a_split():
    exits, settings = exits_of(np.random.default_rng(1))
    free = Exits(exits.right * 0 + 1, exits.thinking, exits.probes)
    scored = crossed(free, settings, [Aim("stable", 0.0, "thinking")], "b")
    assert scored.right.tolist() == [[1.0]] * 40
    cheapest = free.thinking.sum(axis=0).argmin()
    assert scored.thinking[:, 0].tolist() == pytest.approx(free.thinking[:, cheapest].tolist())


def test_chosen_results_are_no_better_than_their_noise_allows():
    """Right by chance alone: what looks best on one half is no better than any on the other."""
    rng = np.random.default_rng(5)
    right = (rng.random((300, 30)) < 0.5).astype(float)
    exits = Exits(right, np.tile(np.arange(100.0, 70, -1), (300, 1)), np.zeros((300, 30)))
    settings = [Setting("full"), *(Setting("stable", m) for m in range(2, 31))]
    best_in_hindsight = right[:, right.mean(axis=0) >= right[:, 0].mean()].mean(axis=0).max()
    scored = crossed(exits, settings, [Aim("stable", 0.0)], "b").right.mean()
    assert scored == pytest.approx(0.5, abs=0.03) and scored < best_in_hindsight


def test_the_table_counts_what_is_saved():
    second = made_grid([[[0, 0, 0, 0]]], logprob=-2.0, benchmark="c")
    table = early_exit_table([made_grid(**LINE), second])
    two = table[(table["rule"] == "stable") & (table["cuts"] == 2)].set_index("benchmark")
    assert two.loc["b", ["accuracy", "thinking_tokens", "probe_tokens", "change"]].tolist() == [0, 30, 10, -1]
    assert two.loc["b", "thinking_saved"] == pytest.approx(1 - 30 / 35)
    assert two.loc["b", "saved"] == pytest.approx(1 - 40 / 35)
    assert two.loc[MACRO, "accuracy"] == 0.5 and two.loc[MACRO, "thinking_tokens"] == 25
    assert two.loc[MACRO, "saved"] == pytest.approx(1 - (40 + 25) / (35 + 40))
    full = table[table["rule"] == "full"]
    assert full["saved"].abs().max() < 1e-12 and (full["probe_tokens"] == 0).all()
    aims = table[table["tolerance"].notna()]
    assert len(aims) == 3 * 3 * len(early_exit.TOLERANCES) * 2


def test_without_probabilities_only_stability_is_tried():
    table = early_exit_table([made_grid([[[0, 0, 1]]] * 4)])
    assert set(table["rule"]) == {"full", "stable"}


def test_models_with_nowhere_to_stop_are_left_out():
    assert not len(early_exit_table([made_grid([[[0]]] * 4)]))
    assert not len(early_exit_table([made_grid([[[0, 0]]], cells=[(0, 0), (5, 0)], thinking=0)]))
