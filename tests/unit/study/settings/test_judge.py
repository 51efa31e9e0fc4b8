"""The judge: greedy, of all models, a sample of wrong answers each."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.judge import JudgeSettings
from m1flow.study.settings.problems import read


def test_a_judge_is_greedy_and_judges_all_models_by_default():
    judge = read(JudgeSettings, {"weights": "tiny"})
    assert (judge.temperature, judge.models, judge.questions, judge.hand_labels) == (0, None, 50, None)


def test_models_that_are_named_are_some_and_named_once():
    assert refusal(JudgeSettings, {"models": []}) == "models: needs at least 1 entries, not []"
    assert refusal(JudgeSettings, {"models": ["a", "a"]}).startswith("models: must not repeat a value")


def test_hand_labels_may_lie_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert read(JudgeSettings, {"hand_labels": "~/h.csv"}).hand_labels == "/home/ann/h.csv"
