"""Resolving: names and places are filled in, and what is off is left out."""

from __future__ import annotations

import copy

import pytest

from helpers.study_configs import DEMO, HUB, changed, refused
from m1flow.errors import M1FlowError
from m1flow.study.study import Study


@pytest.mark.parametrize(
    ("path", "value", "key", "cure"),
    [
        ("sources/wards", {"adapter": "medqa_dict", "path": "no/such.json"}, "sources.wards.path", "no such file"),
        ("benchmarks", {}, "benchmarks", "needs at least one entry"),
        ("sources/wards", {"adapter": "headqa", "hub": "a/b", "path": "x"}, "sources.wards.path", "either hub or path"),
        ("sources/wards/revision", "main", "sources.wards.revision", "add hub, or remove this key"),
        ("sources/wards/ids", "none.txt", "sources.wards.ids", "none.txt: no such list of ids"),
        ("bases/tiny", {"path": "no/model"}, "bases.tiny.path", "no such model folder"),
    ],
)
def test_what_is_not_there_is_one_line_with_key_and_cure(config, path, value, key, cure):
    message = refused(config, path, value)
    assert message.startswith(key) and cure in message


def test_what_comes_from_the_hub_gets_the_path_of_its_download(config):
    changes = {"sources/set": HUB, "bases/big": {"hub": "owner/model"}}
    for path, value in changes.items():
        config = changed(config, path, value)
    study = Study.from_config(config, [DEMO])
    assert study.sources["set"].path == ("results/demo/downloads/sources/set",)
    assert study.bases["big"].path == "results/demo/downloads/bases/big"
    assert Study.from_config(study.as_dict()) == study


def test_a_question_set_that_is_not_enabled_is_left_out(config):
    study = Study.from_config(changed(config, "sources/set", {**HUB, "enabled": False}), [DEMO])
    assert "set" not in study.sources
    with pytest.raises(M1FlowError, match="benchmarks: needs at least one entry that is enabled"):
        Study.from_config(changed(config, "benchmarks", {"set": {**HUB, "enabled": False}}), [DEMO])


def test_the_pool_is_decontaminated_against_every_enabled_benchmark_by_default(config):
    first, *others = config["benchmarks"]
    assert Study.from_config(config).pool.against == (first, *others)
    config["benchmarks"][first]["enabled"] = False
    assert Study.from_config(config).pool.against == tuple(others)


def test_against_names_what_is_there_and_enabled(config):
    first, second, *_ = config["benchmarks"]
    config["pool"]["against"] = [second]
    assert Study.from_config(config).pool.against == (second,)
    disabled = copy.deepcopy(config)
    disabled["benchmarks"][second]["enabled"] = False
    with pytest.raises(M1FlowError, match=rf"pool\.against: '{second}' is not enabled; enable it"):
        Study.from_config(disabled)
    config["pool"]["against"] = [f"{second}x"]
    with pytest.raises(M1FlowError, match=rf"'{second}x' is not in benchmarks .*did you mean '{second}'"):
        Study.from_config(config)
