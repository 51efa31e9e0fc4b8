"""Sweeps: greedy and once, unless more is asked for."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.problems import read
from m1flow.study.settings.sweep import ExtensionSettings, PermutationSettings, StudySweep, SweepSettings


def test_a_sweep_is_greedy_and_asks_once_in_the_benchmarks_order():
    sweep = read(SweepSettings, {"budgets": [0, 64]})
    assert (sweep.samples, sweep.temperature, sweep.extensions, sweep.permutations) == (1, 0, None, None)
    assert (sweep.answer_tokens, sweep.answer_stop, sweep.answer_logprobs) == (1024, "end", True)
    assert r"\boxed{" in sweep.option_answer


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        (SweepSettings, {}, "budgets: missing"),
        (SweepSettings, {"budgets": [8, 8]}, "budgets: must not repeat a value"),
        (SweepSettings, {"budgets": [8], "shards": 2}, "shards: unknown key"),
        (ExtensionSettings, {"counts": [1], "budgets": [0]}, "budgets.0: must be at least 1"),
        (ExtensionSettings, {"counts": [1], "budgets": [8], "cues": [""]}, "cues.0: must not be empty"),
        (PermutationSettings, {"count": 0}, "count: must be at least 1"),
        (PermutationSettings, {"count": 2, "budgets": []}, "budgets: needs at least 1 entries"),
    ],
)
def test_what_can_not_be_swept_is_refused(section, values, words):
    assert refusal(section, values).startswith(words)


def test_thinking_is_forced_on_with_wait_by_default():
    assert read(ExtensionSettings, {"counts": [0, 1], "budgets": [8]}).cues == ("Wait",)


def test_how_many_jobs_share_a_sweep_is_the_studys_alone():
    assert read(StudySweep, {"budgets": [8]}).shards == 1 and "shards" not in SweepSettings.model_fields
