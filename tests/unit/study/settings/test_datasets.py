"""Datasets: a selection of one teacher's verified traces."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.datasets import DatasetSettings
from m1flow.study.settings.problems import read


def test_a_dataset_takes_all_there_are_unless_it_says_how_many():
    dataset = read(DatasetSettings, {"teacher": "r1", "recipe": "hard"})
    assert (dataset.size, dataset.seed, dataset.format, dataset.allow_fewer) == (None, 0, "m1", False)


def test_teacher_and_recipe_must_be_named():
    assert refusal(DatasetSettings, {"recipe": "hard"}) == "teacher: missing; add this key"
    message = refusal(DatasetSettings, {"teacher": "r1", "recipe": "easy"})
    assert message.startswith("recipe: must be one of hard, random, hard_domain, hard_domain_source, all, not")
    assert refusal(DatasetSettings, {"teacher": "r1", "recipe": "all", "size": 0}) == "size: must be at least 1, not 0"
