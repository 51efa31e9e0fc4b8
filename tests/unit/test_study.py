"""The config is checked by name: each kind of mistake is one line that names file, key and cure."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml

from m1flow.errors import M1FlowError
from m1flow.study import Study, lock_path
from m1flow.study_files import read_study

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config" / "config.yaml"
PRESETS = sorted((ROOT / "config" / "presets").glob("*.yaml"))


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


FAR = {"url": "https://far.org/v1", "model": "x"}
TOO_NARROW = {"teacher": "pharmacist", "recipe": "hard", "min_tokens": 9, "max_tokens": 8}


@pytest.fixture
def config():
    return yaml.safe_load(DEMO.read_text(encoding="utf-8"))


def changed(config: dict, path: str, value) -> dict:
    config = copy.deepcopy(config)
    *parents, last = path.split("/")
    place = config
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return config


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
        ("engine/name", "vlm", "engine.name", "must be one of auto, vllm, transformers"),
        ("engine/tensor_parallel_size", 2, "engine.tensor_parallel_size", "set engine.gpus to 2"),
        ("engine", {"tensor_parallel_size": 4, "gpus": 2}, "engine.tensor_parallel_size", "in a job that has 2"),
        ("students/tiny_hard_40/dataset", "hard_41", "students.tiny_hard_40.dataset", "did you mean 'hard_40'?"),
        ("students/tiny_hard_40/base", "huge", "students.tiny_hard_40.base", "is not in bases"),
        (
            "students/tiny",
            {"base": "tiny", "dataset": "hard_40", "training": {"steps": 1}},
            "students.tiny",
            "rename one",
        ),
        ("students/tiny_hard_40/training", {}, "students.tiny_hard_40.training", "either steps or epochs"),
        ("students/tiny_hard_40/resources", {"processes": 64}, "students.tiny_hard_40.resources", "ask for fewer"),
        ("models/ghost", {}, "models.ghost.weights", "is not in bases or students"),
        ("models/tiny/format", "m2", "models.tiny.format", "is not in formats"),
        ("solvers/tiny/attempts", 4, "solvers.tiny.attempts", "set temperature above 0"),
        ("sweep/samples", 3, "sweep.samples", "set temperature above 0"),
        ("datasets/hard_40/recipe", "hardest", "datasets.hard_40.recipe", "must be one of hard, random"),
        ("datasets/hard_40/teacher", "nobody", "datasets.hard_40.teacher", "is not in teachers"),
        ("formats/m1/forced_end", None, "formats.m1", "thinking_start needs forced_end; add this key"),
        ("bases/tiny/path", "models/x", "bases.tiny", "give exactly one of"),
        ("bases/tiny/corpus/sources", ["nowhere"], "bases.tiny.corpus.sources", "is not in sources"),
        ("sources/wards/chain", [3, 1], "sources.wards.chain", "must not be above"),
        ("sources/wards/chain", None, "sources.wards.chain", "the adapter formulary needs this key"),
        ("sources/wards", {"adapter": "medqa_dict", "path": "no/such.json"}, "sources.wards.path", "no such file"),
        ("benchmarks", {}, "benchmarks", "needs at least one entry"),
        ("sources", {}, "solvers", "there are no sources to take questions from"),
        ("sources/wards", {"adapter": "headqa"}, "sources.wards.path", "needs this key, or hub"),
        ("sources/wards", {"adapter": "headqa", "hub": "nobody"}, "sources.wards.hub", "must be a hub id, owner/name"),
        ("sources/wards", {"adapter": "headqa", "hub": "a/b", "path": "x"}, "sources.wards.path", "either hub or path"),
        ("sources/wards/revision", "main", "sources.wards.revision", "add hub, or remove this key"),
        ("sources/wards/ids", "none.txt", "sources.wards.ids", "none.txt: no such list of ids"),
        ("sources/wards/options_of", "pharmacists", "sources.wards.options_of", "did you mean 'pharmacist'?"),
        ("sources/wards/options_of", "pharmacist", "sources.wards.options_of", "of kind recorded"),
        ("bases/tiny/hub", "a/b/c", "bases.tiny", "give exactly one of"),
        ("teachers/pharmacist", {"kind": "recorded", "hub": "a"}, "teachers.pharmacist.hub", "must be a hub id"),
        ("benchmarks/a b", {"adapter": "formulary"}, "benchmarks", "must be a name"),
        ("teachers/pharmacist/kind", "recorded", "teachers.pharmacist", "format"),
        ("formulary/rare_drugs", 40, "formulary.rare_drugs", "fewer than formulary.drugs"),
        ("seed", 1.0, "seed", "must be a whole number"),
        ("bases/tiny/training/learning_rate", float("nan"), "bases.tiny.training", "a number"),
        ("bases/tiny/training/learning_rate", "3e-3", "bases.tiny.training", "write 0.003"),
        ("bases/tiny/training/learning_rate", ".inf", "bases.tiny.training", 'a number, not ".inf"'),
        ("study", 2025, "study", "a text, not 2025; write it in quotes"),
        ("models", {1: {}}, "models", "write it in quotes"),
        ("models", {"a b": {}}, "models", "must be a name of letters, digits, '_', '-' and '.', not \"a b\""),
        ("sweep/budgets", [0, 100000], "sweep.budgets", "leave no room for a prompt"),
        ("sweep/extensions/budgets", [250], "sweep.extensions.budgets", "leave no room for a prompt"),
        ("sweep/permutations", {"count": 2, "budgets": [250]}, "sweep.permutations.budgets", "no room for a prompt"),
        ("sweep/temperature", 0.005, "sweep.temperature", "0 or at least 0.01"),
        ("sweep/temperature", 3, "sweep.temperature", "must be at most 2"),
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
        ("models/mini/answer_tokens", 8, "models.mini.answer_tokens", "unknown key"),
        ("prompts/evaluate", "no field", "prompts.evaluate", "put {question} in"),
        ("prompts/solve", "x {questions}", "prompts.solve", "unknown field {questions}"),
        ("prompts/solve", "{question} \\boxed{{letter}}", "prompts.solve", "unknown field {letter}"),
        ("models/mini/prompt", "no field", "models.mini.prompt", "put {question} in"),
        ("models/mini/prompt", "x {questions}", "models.mini.prompt", "unknown field {questions}"),
        ("benchmarks/in_domain/path", "mine.csv", "benchmarks.in_domain.path", "has no use for it"),
        ("bases/tiny", {"path": "no/model"}, "bases.tiny.path", "no such model folder"),
        ("endpoints", {"far": {"model": "x"}}, "endpoints.far.url", "missing; add this key"),
        ("endpoints", {"far": FAR | {"url": "far.org/v1"}}, "endpoints.far.url", "must be an http or https URL"),
        ("endpoints", {"far": FAR | {"spending_cap": 5}}, "endpoints.far", "spending_cap needs price"),
        (
            "endpoints",
            {"far": FAR | {"extra_body": {"stream": True}}},
            "endpoints.far.extra_body",
            "other than n, stream",
        ),
        ("solvers/tiny/endpoint", "far", "solvers.tiny.endpoint", "is not in endpoints"),
        ("solvers/tiny/weights", None, "solvers.tiny", "exactly one of weights and endpoint"),
        ("solvers/tiny/kind", "recorded", "solvers.tiny.weights", "has no use for it"),
        ("solvers/tiny", {"kind": "recorded"}, "solvers.tiny.path", "needs this key"),
        ("domains", {"by": "model"}, "domains", "exactly one of weights and endpoint"),
        ("domains", {"by": "model", "weights": "tinny"}, "domains.weights", "did you mean 'tiny'?"),
        ("prompts/domain", "about {question}", "prompts.domain", "put {codes} in"),
        ("difficulty", {"min_pass_rate": 0.5}, "difficulty.min_pass_rate", "nothing lies between"),
        ("datasets/hard_40", TOO_NARROW, "datasets.hard_40.min_tokens", "nothing lies between"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_cure(config, path, value, key, cure):
    with pytest.raises(M1FlowError) as caught:
        Study.from_config(changed(config, path, value), [DEMO])
    message = str(caught.value)
    assert message.startswith(f"config/config.yaml: {key}")
    assert cure in message
    assert "\n" not in message and ("; write " in message) == ("write" in cure)


@pytest.mark.parametrize(("path", "text"), [("seed", "3"), ("seed", "1e3"), ("bases/tiny/training/epochs", "1e-5")])
def test_what_is_said_to_write_for_a_number_is_one_to_yaml(config, path, text):
    config = changed(config, "bases/tiny/training/steps", None)
    with pytest.raises(M1FlowError, match="; write ") as caught:
        Study.from_config(changed(config, path, text), [DEMO])
    meant = yaml.safe_load(str(caught.value).rpartition("; write ")[2])
    assert meant == float(text)
    Study.from_config(changed(config, path, meant), [DEMO])


def test_braces_around_a_field_are_text(config):
    Study.from_config(changed(config, "prompts/solve", "{{question}}"), [DEMO])


def test_the_error_names_the_overlay_that_is_at_fault(config, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("sweep: {samples: none}\n")
    with pytest.raises(M1FlowError, match=str(overlay)):
        Study.from_config(changed(config, "sweep/samples", "none"), [DEMO, overlay])


def test_a_key_that_stands_twice_is_refused(config, tmp_path):
    overlay = tmp_path / "twice.yaml"
    overlay.write_text("sweep: {budgets: [8]}\nseed: 1\nsweep: {samples: 1}\n")
    with pytest.raises(M1FlowError, match=r"twice.yaml: line 3: sweep: stands twice"):
        Study.from_config(config, [DEMO, overlay])


def test_null_takes_a_key_away(config):
    config["models"]["mini"] = None
    config["models"]["tiny_hard_1000"]["sweep"] = None
    config["sweep"]["extensions"] = None
    config["students"]["tiny_hard_40"]["training"] |= {"steps": None, "epochs": 3}
    study = Study.from_config(config)
    assert "mini" not in study.models
    assert "extensions" not in study.sweep
    assert "steps" not in study.students["tiny_hard_40"]["training"]


def test_a_models_sweep_is_laid_over_the_studys_key_by_key(config):
    own = {"samples": 2, "temperature": 0.5, "extensions": {"cues": ["Wait", "Hmm"]}}
    config["models"] |= {"mini": {"format": "direct", "sweep": own}, "tiny_hard_40": {"sweep": {"extensions": None}}}
    config["sweep"]["shards"] = 3
    study = Study.from_config(config)
    plain = {key: value for key, value in study.sweep.items() if key != "shards"}
    forced = plain["extensions"]
    assert study.sweeps["mini"] == plain | own | {"extensions": forced | {"cues": ["Wait", "Hmm"]}}
    assert study.sweeps["tiny_hard_40"] == {key: value for key, value in plain.items() if key != "extensions"}
    assert study.sweeps["tiny"] == plain, "nothing of its own; how many jobs share it is no part of it"
    assert set(study.sweeps) == set(study.models)
    assert Study.from_config(study.as_dict()) == study


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
    assert study.engine["batch_size"] == 256
    assert study.students["tiny_hard_40"]["training"]["betas"] == [0.9, 0.95]
    assert study.models["tiny_hard_40"]["weights"] == "tiny_hard_40"


def test_a_resolved_study_is_itself_a_valid_config(config):
    study = Study.from_config(config, [DEMO])
    assert Study.from_config(study.as_dict()) == study


HUB = {"adapter": "pubmedqa", "hub": "owner/set", "split": "train"}


def test_what_comes_from_the_hub_gets_the_path_of_its_download(config):
    changes = {"sources/set": HUB, "bases/big": {"hub": "owner/model"}}
    for path, value in changes.items():
        config = changed(config, path, value)
    study = Study.from_config(config, [DEMO])
    assert study.sources["set"]["path"] == ["results/demo/downloads/sources/set"]
    assert study.bases["big"]["path"] == "results/demo/downloads/bases/big"
    assert Study.from_config(study.as_dict()) == study


def test_a_question_set_that_is_not_enabled_is_left_out(config):
    study = Study.from_config(changed(config, "sources/set", {**HUB, "enabled": False}), [DEMO])
    assert "set" not in study.sources
    with pytest.raises(M1FlowError, match="benchmarks: needs at least one entry that is enabled"):
        Study.from_config(changed(config, "benchmarks", {"set": {**HUB, "enabled": False}}), [DEMO])


def test_a_benchmark_that_is_a_training_source_is_refused(config):
    config = changed(config, "sources/trained", HUB)
    ids = str(ROOT / "config" / "ids" / "pubmedqa_m1_train.txt")
    Study.from_config(changed(config, "benchmarks/held", {**HUB, "without_ids": ids}), [DEMO])
    with pytest.raises(M1FlowError, match=r"benchmarks\.held: has the same rows as sources\.trained; remove one"):
        Study.from_config(changed(config, "benchmarks/held", {**HUB, "shuffle": False}), [DEMO])


def test_the_lock_lies_beside_the_config_that_names_the_study(tmp_path, monkeypatch):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("seed: 1\n")
    monkeypatch.chdir(ROOT)
    assert lock_path([DEMO, overlay]) == "config/config.lock.json"


def test_equal_settings_are_equal_flags_whatever_their_order(config):
    reordered = {key: config[key] for key in reversed(config)}
    reordered["sweep"] = {key: config["sweep"][key] for key in reversed(config["sweep"])}
    assert Study.from_config(config).flag("sweep") == Study.from_config(reordered).flag("sweep")


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
    for path, cure in ((lock, "restore or delete it"), (manifest, "delete its folder, then rerun")):
        whole = path.read_text()
        for damaged in ("<<<<<<< HEAD\n" + whole, "[]"):
            path.write_text(damaged)
            with pytest.raises(M1FlowError, match=f"^{path}: not .* JSON.*; {cure}$"):
                study.check_downloads(lock, tmp_path)
        path.write_text(whole)


def test_a_key_that_was_pasted_into_the_config_is_not_repeated(config):
    with pytest.raises(M1FlowError, match="must be the name of an environment variable") as caught:
        Study.from_config(changed(config, "endpoints", {"far": FAR | {"key_variable": "sk-secret"}}), [DEMO])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"sweep: [8\nseed: 1\n", "not valid YAML"),
        (b"seed: 2026-13-01\n", "not valid YAML"),
        (b"description: \xff\n", "not valid YAML"),
        (b"- study: x\n", "holds no settings by name"),
        (b"study\n", "holds no settings by name"),
    ],
)
def test_a_file_that_holds_no_settings_is_one_line(tmp_path, content, problem):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(M1FlowError, match=problem) as caught:
        read_study([file])
    assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)


def test_settings_without_a_study_are_laid_over_the_default_one(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("engine: {gpus: 3, tensor_parallel_size: 2}\n", encoding="utf-8")
    study = read_study([file])
    assert study.name == "demo" and study.engine["gpus"] == 3 and study.engine["max_model_len"] == 256
    file.write_text("", encoding="utf-8")
    assert read_study([file]).as_dict() == read_study([DEMO]).as_dict()
