"""Difficulty: by default a question is hard where every attempt failed."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.difficulty import DifficultySettings


def test_by_default_every_attempt_must_fail():
    assert DifficultySettings().dump() == {"min_pass_rate": 0, "max_pass_rate": 0}


def test_a_pass_rate_is_a_share():
    assert refusal(DifficultySettings, {"max_pass_rate": 50}) == "max_pass_rate: must be at most 1, not 50"
