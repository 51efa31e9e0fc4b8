"""Training methods: what a task says of its adapters."""

from __future__ import annotations

from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.student_training import StudentTraining
from m1flow.training.method import TrainingTask


def test_adapters_are_trained_only_where_the_student_names_them():
    """Settings of adapters alone train none: all students have their defaults."""

    def lora_of(**more):
        entry = {"base": "b", "dataset": "d", "training": {"steps": 1}, "lora": {"rank": 3}} | more
        student = read(StudentTraining, entry)
        return TrainingTask(name="s", base="b", dataset="d", student=student, markers=FormatSettings(), seed=0).lora

    assert lora_of() is None
    assert lora_of(adapters="lora").rank == 3
