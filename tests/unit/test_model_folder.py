"""Model folders that a study takes from elsewhere: found again after a move, and as they were written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from m1flow.errors import M1FlowError
from m1flow.model_folder import atomic_folder, link_files, model_id, seal


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
    with pytest.raises(M1FlowError, match=f"^{linked}/model.safetensors: not as it was written"):
        model_id(linked)
