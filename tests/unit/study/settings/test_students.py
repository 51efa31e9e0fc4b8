"""Students: how they are trained, what their jobs ask for, and where they go."""

from __future__ import annotations

from m1flow.study.settings.problems import read
from m1flow.study.settings.resources import TrainingResources
from m1flow.study.settings.student_training import StudentTraining
from m1flow.study.settings.students import StudentSettings

STUDENT = {"base": "tiny", "dataset": "hard", "training": {"steps": 1}}


def test_a_student_is_trained_on_the_cpu_and_stays_here_by_default():
    student = read(StudentSettings, STUDENT)
    assert student.resources == TrainingResources() and student.push_to_hub is None


def test_a_student_is_how_it_is_trained_and_what_its_job_asks_for():
    training = read(StudentTraining, STUDENT).dump()
    resources = {"resources": TrainingResources().dump()}
    assert read(StudentSettings, STUDENT).dump() == training | resources
