"""Prompts: each shows what the model has to see."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.hand_labels import LABELS
from m1flow.study.settings.prompts import PromptSettings


@pytest.mark.parametrize("purpose", ["solve", "teach", "train", "evaluate", "domain", "judge"])
def test_every_prompt_shows_the_question(purpose):
    assert "{question}" in getattr(PromptSettings(), purpose)


def test_whoever_is_read_by_a_box_is_asked_for_one_and_students_are_not():
    prompts = PromptSettings()
    for purpose in ("solve", "teach", "evaluate", "domain", "judge"):
        assert r"\boxed{}" in getattr(prompts, purpose), purpose
    assert prompts.train == "{question}"
    for field in ("context", "stem", "options"):
        assert f"{{{field}}}" in prompts.question


def test_the_judge_names_every_label_that_is_read():
    listed = [line for line in PromptSettings().judge.splitlines() if line.startswith("- ")]
    assert [line.removeprefix("- ").partition(":")[0] for line in listed] == list(LABELS)


def test_a_prompt_that_there_is_not_is_refused():
    assert refusal(PromptSettings, {"evalute": "x"}) == "evalute: unknown key; did you mean 'evaluate'?"
