"""Records of a training run, and what a full disk is called."""

from __future__ import annotations

import errno

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from m1flow.errors import M1FlowError
from m1flow.files.json import read_json
from m1flow.training.loss_curve import LossCurve
from m1flow.training.records import naming_full_disks, write_records


def test_what_a_tracker_says_of_the_network_is_not_taken_for_the_disk(tmp_path):
    with pytest.raises(ConnectionResetError) as caught, naming_full_disks(tmp_path):
        raise ConnectionResetError(104, "reset by peer")
    assert caught.value.filename is None
    with pytest.raises(OSError) as caught, naming_full_disks(tmp_path):
        raise OSError(28, "no space left")
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_by_what_was_to_be_written(number):
    with pytest.raises(OSError) as caught, naming_full_disks("models/m"):
        raise OSError(number, "no room")
    assert (caught.value.errno, caught.value.filename) == (number, "models/m")
    told = r"^models/m: the model can't be written \(no room\); free some space"
    with pytest.raises(M1FlowError, match=told), naming_full_disks("models/m"):
        raise SafetensorError("no\nroom")


def test_the_records_lie_in_the_model_folder_and_seal_its_weights(tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "model.safetensors")
    curve = LossCurve("s", 2)
    curve._history = [{"step": n, "loss": 2.0 / n, "learning_rate": 0.1, "tokens": 30 * n} for n in (1, 2)]
    settings = {"kind": "student", "name": "s", "method": "sft", "adapters": None}
    counts = {"parameters": 2, "examples": 3, "dropped": 0, "truncated": 0, "steps": 2}
    write_records(tmp_path, {"settings": settings, "counts": counts, "base_model": "b"}, curve, {"commit": "c"})
    records = tmp_path / "m1flow"
    kept = read_json(records / "training.json")
    assert kept["counts"] == counts | {"seen_tokens": 60} and kept["final_loss"] == 1.0 and kept["seconds"] >= 0
    assert read_json(records / "provenance.json") == {"commit": "c"}
    assert (records / "loss.csv").read_text().splitlines()[1].startswith("1,2")
    assert set(read_json(records / "checksums.json")) == {"model.safetensors"}
    assert "base_model: b" in (tmp_path / "README.md").read_text()
