"""The file of a study: what it must have, what it is without, and the schema that editors read."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from helpers.project import ROOT
from helpers.settings import refusal
from m1flow.study.settings.problems import read
from m1flow.study.settings.study_file import StudyFile

SHIPPED = [ROOT / "config" / "config.yaml", *sorted((ROOT / "config" / "presets").glob("*.yaml"))]


@pytest.mark.parametrize("file", [*SHIPPED, ROOT / "tests" / "small.yaml"], ids=lambda path: path.stem)
def test_editors_find_nothing_wrong_with_what_ships(file):
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), schema)


LEAST = {
    "study": "s",
    "formats": {},
    "benchmarks": {"b": {"adapter": "headqa"}},
    "bases": {"m": {"path": "models/m"}},
    "models": {"m": {}},
    "sweep": {"budgets": [8]},
}


def test_what_a_study_must_say_is_enough_for_one():
    file = read(StudyFile, LEAST)
    assert (file.seed, file.scorer, file.judge, file.sources, file.replicates) == (0, "strict", None, {}, {})
    assert read(StudyFile, file.dump()) == file
    for key in LEAST:
        left = {name: value for name, value in LEAST.items() if name != key}
        assert refusal(StudyFile, left) == f"{key}: missing; add this key"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"study": "a/b"}, "study: must be a name of letters"),
        ({"benchmarks": {}}, "benchmarks: needs at least one entry"),
        ({"models": {"a b": {}}}, "models: a name must be a name of letters"),
        ({"replicates": {"r": ["m"]}}, "replicates.r: needs at least 2 entries"),
        ({"replicates": {"r": ["m", "m"]}}, "replicates.r: must not repeat a value"),
        ({"model": {}}, "model: unknown key; did you mean 'models'?"),
    ],
)
def test_what_is_no_study_is_refused(changes, words):
    assert refusal(StudyFile, LEAST | changes).startswith(words)
