"""What of a student decides what it learns: its base, its dataset, and how it is trained."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.problems import read
from m1flow.study.settings.student_training import StudentTraining
from m1flow.study.settings.training import LoraSettings

STUDENT = {"base": "tiny", "dataset": "hard", "training": {"steps": 1}}


def test_all_weights_are_trained_by_default_and_the_seed_is_the_studys():
    student = read(StudentTraining, STUDENT)
    assert (student.method, student.adapters, student.seed) == ("sft", None, None)
    assert student.lora == LoraSettings()


def test_base_dataset_and_training_must_be_given():
    for key in STUDENT:
        left = {name: value for name, value in STUDENT.items() if name != key}
        assert refusal(StudentTraining, left) == f"{key}: missing; add this key"


def test_a_file_from_before_adapters_had_a_key_gets_the_cure():
    assert refusal(StudentTraining, STUDENT | {"method": "lora"}).endswith("remove this key, and write adapters: lora")
    assert read(StudentTraining, STUDENT | {"adapters": "lora"}).lora.rank == 16


def test_what_its_job_asks_for_is_no_part_of_it():
    assert refusal(StudentTraining, STUDENT | {"resources": {"gpus": 1}}).startswith("resources: unknown key")
