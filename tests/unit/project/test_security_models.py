"""Model folders and hub repositories that want their code run or pickles read are refused, in one line, everywhere."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.hub import repository
from m1flow.models.folder import model_id
from m1flow.study.settings.engine import EngineSettings
from m1flow.training.weights import load_padded_tokenizer, load_weights

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"
CODE = "import pathlib; pathlib.Path('pwned').touch()\nclass Model: pass\n"
AUTO = {"AutoConfig": "evil.Model", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.Model", None]}


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("pwned"),)


def model(folder: Path, **config) -> Path:
    """A folder that is whole, as far as one sees without loading it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", "max_position_embeddings": 64} | config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "evil.py").write_text(CODE)
    save_file({"w": np.zeros(1, np.float32)}, folder / "model.safetensors")
    return folder


def pickled(folder: Path) -> Path:
    model(folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    return folder


def with_tokenizer_code(folder: Path) -> Path:
    model(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": AUTO}))
    return folder


def with_index_outside(folder: Path) -> Path:
    model(folder)
    index = {"weight_map": {"w": "../../other/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


FOLDERS = {
    "pickled weights": (pickled, "pickled"),
    "code of the model's own": (lambda folder: model(folder, auto_map=AUTO), "config.json: auto_map"),
    "code of another type": (lambda folder: model(folder, model_type="evil", auto_map=AUTO), "auto_map"),
    "code of the tokenizer's own": (with_tokenizer_code, "tokenizer_config.json: auto_map"),
    "weights outside": (with_index_outside, "is not a file of this folder"),
}
OPENERS = {
    "transformers": lambda folder: open_engine(folder, EngineSettings(name="transformers")),
    "vllm": lambda folder: open_engine(folder, EngineSettings(name="vllm")),
    "whichever engine": lambda folder: open_engine(folder, EngineSettings()),
    "training": load_weights,
    "training's tokenizer": load_padded_tokenizer,
    "its fingerprint": model_id,
}


@pytest.fixture(params=FOLDERS)
def bad(request, tmp_path, monkeypatch) -> tuple[Path, str]:
    monkeypatch.chdir(tmp_path)
    make, reason = FOLDERS[request.param]
    return make(tmp_path / "evil"), reason


@pytest.mark.parametrize("opener", OPENERS)
def test_it_is_refused_before_anything_of_it_runs(bad, opener, tmp_path):
    folder, reason = bad
    with pytest.raises(M1FlowError, match="evil") as refused:
        OPENERS[opener](folder)
    assert reason in str(refused.value) and len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "pwned").exists()


def test_nor_does_it_become_a_model_of_a_study(bad, tmp_path):
    folder, reason = bad
    command = [sys.executable, str(SCRIPTS / "import_base.py"), "--folder", str(folder), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("error: ") and reason in last and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists() and not (tmp_path / "pwned").exists()


class Listed:
    """A file as the hub lists it."""

    def __init__(self, path: str):
        self.path, self.blob_id, self.size, self.lfs = path, "0" * 40, 1, None


@pytest.mark.parametrize("name", ["../evil.jsonl", "a/../../evil.jsonl", "/etc/evil.jsonl", "..\\evil.jsonl"])
def test_a_repository_writes_only_into_its_folder(monkeypatch, name):
    listed = repository.Repository("owner/set", "dataset", "config: sources.s", attempts=1, first_wait=0.01)
    monkeypatch.setattr(listed._api, "list_repo_tree", lambda *_, **__: [Listed("fine.jsonl"), Listed(name)])
    with pytest.raises(M1FlowError, match="sources.s: owner/set lists the file .* outside"):
        listed.files("0" * 40)
