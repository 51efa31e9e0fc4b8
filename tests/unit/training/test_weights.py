"""Weights and tokenizers are loaded for training from whole folders only."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from helpers.engine_models import build_model
from m1flow.errors import M1FlowError
from m1flow.training.weights import load_padded_tokenizer, load_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A whole model folder."""
    return build_model(tmp_path_factory.mktemp("models") / "model")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_come_in_the_precision_that_is_asked_for(folder, precision):
    model = load_weights(folder, precision)
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, precision)}


@pytest.mark.parametrize("share", [0.5, 0])
def test_torn_weights_are_refused(folder, tmp_path, share):
    copy = shutil.copytree(folder, tmp_path / "copy")
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[: int(len(whole) * share)])
    for load in (load_weights, load_padded_tokenizer):
        with pytest.raises(M1FlowError, match="not a whole safetensors file") as caught:
            load(copy)
        assert "\n" not in str(caught.value)


def test_an_architecture_that_nobody_knows_is_refused_in_one_line(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "config.json").write_text(json.dumps({"model_type": "nobodys"}))
    with pytest.raises(M1FlowError, match=r"copy: not a readable model folder \(.*nobodys") as caught:
        load_weights(copy)
    assert "\n" not in str(caught.value)


def test_four_bits_need_what_is_not_here(folder):
    """Either the package or the GPU is missing; the key is named."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(M1FlowError, match="^lora: quantize: 4bit needs"):
        load_weights(folder, quantize="4bit")


def test_a_tokenizer_without_padding_pads_with_its_end(folder, tmp_path):
    assert load_padded_tokenizer(folder).pad_token == "<|pad|>"
    copy = shutil.copytree(folder, tmp_path / "copy")
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps(settings | {"pad_token": None}))
    assert load_padded_tokenizer(copy).pad_token == "<|im_end|>"
