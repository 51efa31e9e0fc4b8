"""Gathering: what is written computes what was trained, adapters merged, in the precision of the base."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from helpers.training_models import load_base
from m1flow.training import gathering


def trainer_of(model, first: bool = True):
    accelerator = SimpleNamespace(unwrap_model=lambda wrapped: wrapped, is_main_process=first)
    return SimpleNamespace(model=model, accelerator=accelerator)


def changed(base, adapters: bool):
    """A model of the base as training might leave it."""
    model, _ = load_base(base)
    if adapters:
        model = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize("adapters", [False, True])
def test_the_model_written_computes_what_was_trained(base, tmp_path, adapters):
    model = changed(base, adapters)
    whole = gathering.weights(trainer_of(model), "float32")
    gathering.save(trainer_of(model), whole, base, tmp_path, "float32", keep=False)
    ids = torch.tensor([[5, 6, 7, 8]])
    written = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.allclose(written(ids).logits, model(ids).logits, atol=1e-4)
    assert not torch.allclose(written(ids).logits, load_base(base)[0].eval()(ids).logits, atol=1e-4)
    assert not (tmp_path / gathering.ADAPTER).exists()


def test_only_adapters_are_gathered_where_only_they_were_trained(base, tmp_path):
    model = changed(base, adapters=True)
    whole = gathering.weights(trainer_of(model), "bfloat16")
    assert whole and all("lora_" in name and tensor.dtype == torch.float32 for name, tensor in whole.items())
    gathering.save(trainer_of(model), whole, base, tmp_path, "float32", keep=True)
    assert (tmp_path / gathering.ADAPTER / "adapter_model.safetensors").is_file()


def test_the_first_process_alone_gets_the_weights_in_the_precision_asked_for(base):
    model = changed(base, adapters=False)
    assert gathering.weights(trainer_of(model, first=False), "float32") == {}
    whole = gathering.weights(trainer_of(model), "bfloat16")
    assert {tensor.dtype for tensor in whole.values()} == {torch.bfloat16} and set(whole) == set(model.state_dict())


@pytest.mark.filterwarnings("ignore:Found missing adapter keys")
def test_adapters_that_do_not_fit_the_base_are_no_model(base, tmp_path):
    model = changed(base, adapters=True)
    whole = gathering.weights(trainer_of(model), "float32")
    whole[f"{next(iter(whole))}x"] = whole.pop(next(iter(whole)))
    with pytest.raises(RuntimeError, match="adapter weights don't fit the base"):
        gathering.save(trainer_of(model), whole, base, tmp_path, "float32", keep=False)
