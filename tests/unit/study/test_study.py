"""The config is checked by name: each kind of mistake is one line that names file, key and cure."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.project import ROOT
from helpers.study_configs import DEMO, FAR, changed, refused
from m1flow.errors import M1FlowError
from m1flow.files.json import as_flag
from m1flow.study.study import Study, lock_path

SCRIPTS = ROOT / "workflow" / "scripts"
PRESETS = sorted((ROOT / "config" / "presets").glob("*.yaml"))


@pytest.mark.parametrize(
    ("path", "value", "key", "cure"),
    [
        ("sweep/budgts", [8], "sweep.budgts", "did you mean 'budgets'?"),
        ("swep", {}, "swep", "did you mean 'sweep'?"),
        ("sweep/budgets", [8, 8], "sweep.budgets", "must not repeat"),
        ("sweep/budgets", [-1], "sweep.budgets.0", "at least 0"),
        ("sweep/budgets", "8", "sweep.budgets", "must be a list"),
        ("sweep/budgets", [], "sweep.budgets", "needs at least 1"),
        ("sweep", None, "sweep", "missing; add this key"),
        ("seed", "one", "seed", "must be a whole number"),
        ("seed", True, "seed", "must be a whole number"),
        ("engine/name", "vlm", "engine.name", "must be one of auto, transformers, vllm"),
        ("datasets/hard_40/recipe", "hardest", "datasets.hard_40.recipe", "must be one of hard, random"),
        ("formats/m1/forced_end", None, "formats.m1", "thinking_start needs forced_end; add forced_end"),
        ("bases/tiny/path", "models/x", "bases.tiny", "give exactly one of"),
        ("sources/wards", {"adapter": "headqa", "hub": "nobody"}, "sources.wards.hub", "must be a hub id, owner/name"),
        ("bases/tiny/hub", "a/b/c", "bases.tiny", "give exactly one of"),
        ("teachers/pharmacist", {"kind": "recorded", "hub": "a"}, "teachers.pharmacist.hub", "must be a hub id"),
        ("benchmarks/a b", {"adapter": "formulary"}, "benchmarks", "must be a name"),
        ("teachers/pharmacist/kind", "recorded", "teachers.pharmacist", "format"),
        ("seed", 1.0, "seed", "must be a whole number"),
        ("bases/tiny/training/learning_rate", float("nan"), "bases.tiny.training", "a number"),
        ("bases/tiny/training/learning_rate", "3e-3", "bases.tiny.training", "write 0.003"),
        ("bases/tiny/training/learning_rate", ".inf", "bases.tiny.training", 'a number, not ".inf"'),
        ("study", 2025, "study", "a text, not 2025; write it in quotes"),
        ("models", {1: {}}, "models", "write it in quotes"),
        ("models", {"a b": {}}, "models", "must be a name of letters, digits, '_', '-' and '.', not \"a b\""),
        ("sweep/temperature", 3, "sweep.temperature", "must be at most 2"),
        ("models/mini/answer_tokens", 8, "models.mini.answer_tokens", "unknown key"),
        ("endpoints", {"far": {"model": "x"}}, "endpoints.far.url", "missing; add this key"),
        ("endpoints", {"far": FAR | {"url": "far.org/v1"}}, "endpoints.far.url", "must be an http or https URL"),
        ("endpoints", {"far": FAR | {"spending_cap": 5}}, "endpoints.far", "spending_cap needs price"),
        (
            "endpoints",
            {"far": FAR | {"extra_body": {"stream": True}}},
            "endpoints.far.extra_body",
            "other than n, stream",
        ),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_cure(config, path, value, key, cure):
    message = refused(config, path, value)
    assert message.startswith(key) and cure in message
    assert ("; write " in message) == ("write" in cure)


@pytest.mark.parametrize(("path", "text"), [("seed", "3"), ("seed", "1e3"), ("bases/tiny/training/epochs", "1e-5")])
def test_what_is_said_to_write_for_a_number_is_one_to_yaml(config, path, text):
    config = changed(config, "bases/tiny/training/steps", None)
    with pytest.raises(M1FlowError, match="; write ") as caught:
        Study.from_config(changed(config, path, text), [DEMO])
    meant = yaml.safe_load(str(caught.value).rpartition("; write ")[2])
    assert meant == float(text)
    Study.from_config(changed(config, path, meant), [DEMO])


def test_null_takes_a_key_away(config):
    config["models"]["mini"] = None
    config["models"]["tiny_hard_1000"]["sweep"] = None
    config["sweep"]["extensions"] = None
    config["students"]["tiny_hard_40"]["training"] |= {"steps": None, "epochs": 3}
    study = Study.from_config(config)
    assert "mini" not in study.models
    assert study.sweep.extensions is None
    assert study.students["tiny_hard_40"].training.steps is None


def test_the_first_cue_is_the_studys_or_else_a_models(config):
    assert Study.from_config(config).first_cue == "Wait"
    config["sweep"]["extensions"] = None
    for model in config["models"].values():
        model.pop("sweep", None)
    assert Study.from_config(config).first_cue == ""
    config["models"]["mini"]["sweep"] = {"extensions": {"counts": [1], "budgets": [40], "cues": ["Hmm", "none"]}}
    assert Study.from_config(config).first_cue == "Hmm"


def test_defaults_are_filled_in_and_the_config_is_left_alone(config):
    before = copy.deepcopy(config)
    study = Study.from_config(config, [DEMO])
    assert config == before
    assert study.engine.batch_size == 256
    assert study.students["tiny_hard_40"].training.betas == (0.9, 0.95)
    assert study.models["tiny_hard_40"].weights == "tiny_hard_40"


def test_a_resolved_study_is_itself_a_valid_config(config):
    study = Study.from_config(config, [DEMO])
    assert Study.from_config(study.as_dict()) == study


def test_the_lock_lies_beside_the_config_that_names_the_study(tmp_path, monkeypatch):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("seed: 1\n")
    monkeypatch.chdir(ROOT)
    assert lock_path([DEMO, overlay]) == "config/config.lock.json"


def test_equal_settings_are_equal_flags_whatever_their_order(config):
    reordered = {key: config[key] for key in reversed(config)}
    reordered["sweep"] = {key: config["sweep"][key] for key in reversed(config["sweep"])}
    assert as_flag(Study.from_config(config).as_dict()) == as_flag(Study.from_config(reordered).as_dict())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_a_valid_study(preset):
    config = yaml.safe_load(preset.read_text(encoding="utf-8"))
    if not Path(config.get("data_folder", ".")).is_dir():
        pytest.skip(f"no folder {config['data_folder']}")
    assert Study.from_config(config, [preset]).name == config["study"]


def test_a_download_of_another_commit_than_the_lock_names_is_refused(config, tmp_path):
    config["benchmarks"]["asked"] = {
        "adapter": "records",
        "hub": "some/set",
        "split": "test",
        "fields": {"question": "q", "options": "o", "answer": "a"},
    }
    study = Study.from_config(config)
    lock, manifest = tmp_path / "x.lock.json", tmp_path / "downloads" / "benchmarks" / "asked" / ".download.json"
    study.check_downloads(lock, tmp_path)  # nothing locked, nothing downloaded
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"commit": "a" * 40}))
    lock.write_text(json.dumps({"datasets/some/set": "a" * 40}))
    study.check_downloads(lock, tmp_path)
    lock.write_text(json.dumps({"datasets/some/set": "b" * 40}))
    with pytest.raises(M1FlowError, match=f"locked at {'b' * 40}, but .*asked holds {'a' * 40}"):
        study.check_downloads(lock, tmp_path)
    for path, cure in ((lock, "restore the file, or move it away"), (manifest, "move its folder away, then rerun")):
        whole = path.read_text()
        for damaged in ("<<<<<<< HEAD\n" + whole, "[]"):
            path.write_text(damaged)
            with pytest.raises(M1FlowError, match=f"^{path}: not .* JSON.*; {cure}$"):
                study.check_downloads(lock, tmp_path)
        path.write_text(whole)


def test_a_study_has_no_judge_unless_it_names_one(config):
    for none in (config, config | {"judge": {}}, config | {"judge": None}):
        study = Study.from_config(none)
        assert study.judge is None and Study.from_config(study.as_dict()) == study
    study = Study.from_config(config | {"judge": {"weights": "tiny", "models": ["mini"]}})
    assert study.judge.questions == 50 and Study.from_config(study.as_dict()) == study


@pytest.mark.parametrize("value", [False, 0, "", []])
def test_a_judge_that_is_no_mapping_is_refused(config, value):
    with pytest.raises(M1FlowError, match="judge: must be a mapping"):
        Study.from_config(config | {"judge": value})


def test_a_study_is_read_without_pandas_and_torch():
    """Snakemake reads it again in every job."""
    said = "import sys, m1flow.study.study; print({'pandas', 'torch', 'numpy', 'transformers'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", said], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
