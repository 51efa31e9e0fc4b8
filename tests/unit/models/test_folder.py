"""Model folders that a study takes from elsewhere: found again after a move, and as they were written."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from helpers.engine_models import build_model
from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.files.atomic import atomic_folder
from m1flow.files.json import write_json
from m1flow.models.folder import check_model_folder, link_files, model_id, seal
from m1flow.study.settings.engine import EngineSettings


def test_links_outlive_a_move_of_the_project(tmp_path, monkeypatch):
    project, outside = tmp_path / "project", tmp_path / "outside"
    for folder, text in ((project / "given", "inside"), (outside, "outside")):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(text)
        (folder / ".cache").touch()
    monkeypatch.chdir(project)
    for source in ("given", outside):
        with atomic_folder(f"results/s/models/of_{project.joinpath(source).name}") as folder:
            link_files(source, folder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deeper").mkdir()
    models = project.rename(tmp_path / "deeper" / "project") / "results" / "s" / "models"
    assert (models / "of_given" / "config.json").read_text() == "inside"
    assert (models / "of_outside" / "config.json").read_text() == "outside"
    assert [path.name for path in (models / "of_given").iterdir()] == ["config.json"]


def test_a_model_that_is_linked_keeps_its_seal(tmp_path):
    given, linked = tmp_path / "given", tmp_path / "linked"
    given.mkdir()
    (given / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
    (given / "tokenizer.json").write_text("{}")
    save_file({"w": np.zeros(8, np.float32)}, given / "model.safetensors")
    seal(given)
    with atomic_folder(linked) as folder:
        link_files(given, folder)
    assert model_id(linked) == model_id(given)
    weights = given / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(M1FlowError, match=f"^{linked}/model.safetensors: changed since it was written"):
        model_id(linked)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_model_folder_is_named(folder, tmp_path, missing):
    copy = shutil.copytree(folder, tmp_path / "copy")
    check_model_folder(copy)
    (copy / missing).unlink()
    with pytest.raises(M1FlowError, match=f"copy: {missing} is missing; ") as refused:
        open_engine(copy, EngineSettings())
    assert "\n" not in str(refused.value)


def test_other_broken_model_folders_are_named(folder, tmp_path):
    with pytest.raises(M1FlowError, match="no such model folder"):
        check_model_folder(tmp_path / "nowhere")
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(M1FlowError, match="not a whole safetensors file"):
        check_model_folder(copy)
    weights.write_bytes(b"garbage")
    with pytest.raises(M1FlowError, match="not a whole safetensors file"):
        check_model_folder(copy)
    weights.rename(copy / "pytorch_model.bin")
    with pytest.raises(M1FlowError, match="pickled"):
        check_model_folder(copy)


def test_an_index_lists_files_of_its_folder_alone(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    index = copy / "model.safetensors.index.json"
    write_json(index, {"weight_map": {"w": "model.safetensors"}})
    assert check_model_folder(copy) == copy
    write_json(index, {"weight_map": {"w": "../model.safetensors"}})
    with pytest.raises(M1FlowError, match="index.json: '../model.safetensors' is not a file of this folder"):
        check_model_folder(copy)


def test_model_id_follows_content_and_dtype_only(folder, tmp_path, monkeypatch):
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    (copy / "README.md").write_text("a card")
    (copy / "m1flow").mkdir()
    (copy / "m1flow" / "training.json").write_text("{}")
    assert model_id(copy) == model_id(folder) != model_id(folder, "bfloat16")
    build_model(copy, seed=1)
    assert model_id(copy) != model_id(folder)


def test_large_files_are_hashed_once(folder, tmp_path, monkeypatch):
    from m1flow.models import folder as model_folder

    hashed = []
    monkeypatch.setattr(model_folder, "_REMEMBER_FROM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        model_folder,
        "fingerprint_path",
        lambda path, real=model_folder.fingerprint_path: hashed.append(path) or real(path),
    )
    first = model_id(folder)
    count = len(hashed)
    assert count and model_id(folder) == first and len(hashed) == count
    for remembered in tmp_path.rglob("*.json"):
        remembered.write_text("torn{")
    assert model_id(folder) == first and len(hashed) == 2 * count
