"""Sweeps of models: the study's, with what a model's entry says laid over it key by key."""

from __future__ import annotations

import pytest

from helpers.study_configs import refused
from m1flow.study.study import Study


@pytest.mark.parametrize(
    ("path", "value", "key", "cure"),
    [
        ("sweep/samples", 3, "sweep.samples", "set temperature above 0"),
        ("sweep/budgets", [0, 100000], "sweep.budgets", "leave no room for a prompt"),
        ("sweep/extensions/budgets", [250], "sweep.extensions.budgets", "leave no room for a prompt"),
        ("sweep/permutations", {"count": 2, "budgets": [250]}, "sweep.permutations.budgets", "no room for a prompt"),
        ("sweep/temperature", 0.005, "sweep.temperature", "0 or at least 0.01"),
        ("models/mini/sweep", [8], "models.mini.sweep", "must be a mapping"),
        ("models/mini/sweep", {"budgts": [8]}, "models.mini.sweep.budgts", "did you mean 'budgets'?"),
        ("models/mini/sweep", {"budgets": [8, 8]}, "models.mini.sweep.budgets", "must not repeat"),
        ("models/mini/sweep", {"budgets": [8, -8]}, "models.mini.sweep.budgets.1", "must be at least 0"),
        ("models/mini/sweep", {"budgets": [300]}, "models.mini.sweep.budgets", "leave no room for a prompt"),
        ("models/mini/sweep", {"budgets": None}, "models.mini.sweep.budgets", "missing; add this key"),
        ("models/mini/sweep", {"samples": 3}, "models.mini.sweep.samples", "set temperature above 0"),
        ("models/mini/sweep", {"temperature": 0.001}, "models.mini.sweep.temperature", "0 or at least 0.01"),
        ("models/mini/sweep", {"shards": 2}, "models.mini.sweep.shards", "set sweep.shards instead"),
        ("models/mini/sweep", {"extensions": {"cues": ["Hmm"]}}, "models.mini.sweep.extensions.cues", "lacks 'Wait'"),
    ],
)
def test_a_sweep_that_can_not_be_is_one_line_with_key_and_cure(config, path, value, key, cure):
    message = refused(config, path, value)
    assert message.startswith(key) and cure in message


def test_a_models_sweep_is_laid_over_the_studys_key_by_key(config):
    own = {"samples": 2, "temperature": 0.5, "extensions": {"cues": ["Wait", "Hmm"]}}
    config["models"] |= {"mini": {"format": "direct", "sweep": own}, "tiny_hard_40": {"sweep": {"extensions": None}}}
    config["sweep"]["shards"] = 3
    study = Study.from_config(config)
    plain = {key: value for key, value in study.sweep.dump().items() if key != "shards"}
    forced = plain["extensions"]
    assert study.sweeps["mini"].dump() == plain | own | {"extensions": forced | {"cues": ["Wait", "Hmm"]}}
    assert study.sweeps["tiny_hard_40"].dump() == {key: value for key, value in plain.items() if key != "extensions"}
    assert study.sweeps["tiny"].dump() == plain, "nothing of its own; how many jobs share it is no part of it"
    assert set(study.sweeps) == set(study.models)
    assert Study.from_config(study.as_dict()) == study
