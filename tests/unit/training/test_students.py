"""Students: complete model folders, the same for the same seed, made of whole bases only."""

from __future__ import annotations

import pytest

from helpers.training_models import load_base, tune
from m1flow.errors import M1FlowError
from m1flow.models.folder import check_model_folder


def test_the_same_seed_trains_the_same_bytes(base, dataset, tmp_path):
    weights = "model.safetensors"
    for adapters in (None, "lora"):
        first, second = (tune(base, dataset, tmp_path / f"{adapters}{n}", adapters=adapters) for n in (1, 2))
        assert (first / weights).read_bytes() == (second / weights).read_bytes()
        assert (first / weights).read_bytes() != (base / weights).read_bytes()


@pytest.mark.parametrize("adapters", [None, "lora"])
def test_a_student_is_a_complete_model_folder(base, dataset, tmp_path, adapters):
    import torch

    out = tune(base, dataset, tmp_path / "student", adapters=adapters, lora={"rank": 4, "alpha": 8})
    check_model_folder(out)
    assert not list(out.glob("adapter*"))
    model, tokenizer = load_base(out)
    assert model.config.use_cache
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    start = load_base(base)[0].state_dict()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, start[name])}
    assert set(start) == set(model.state_dict())
    assert any("q_proj.weight" in name for name in changed)
    assert ("model.embed_tokens.weight" in changed) == (adapters is None)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("model.safetensors", "model.safetensors is missing"),
        ("config.json", "config.json is missing"),
        ("tokenizer_config.json", "no tokenizer_config.json"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_by_name(base, dataset, tmp_path, missing, message):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    (copy / missing).unlink()
    with pytest.raises(M1FlowError, match=rf"copy: {message}.*train or download"):
        tune(copy, dataset, tmp_path / "student")
