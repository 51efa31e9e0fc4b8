"""Teachers: greedy, and of hard questions only."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.problems import read
from m1flow.study.settings.teachers import TeacherSettings


def test_a_teacher_is_greedy_and_teaches_hard_questions_only_by_default():
    teacher = read(TeacherSettings, {"kind": "model", "weights": "tiny"})
    assert (teacher.temperature, teacher.unfiltered_questions, teacher.slip_rate) == (0, 0, 0)
    assert (teacher.format, teacher.max_tokens) == ("think", 8000)


def test_the_kind_must_be_named():
    assert refusal(TeacherSettings, {}) == "kind: missing; add this key"
    assert refusal(TeacherSettings, {"kind": "human"}) == (
        'kind: must be one of formulary, recorded, model, not "human"'
    )
    assert refusal(TeacherSettings, {"kind": "formulary", "slip_rate": 2}) == "slip_rate: must be at most 1, not 2"
