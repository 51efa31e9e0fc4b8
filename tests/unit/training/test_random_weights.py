"""Random weights: of the shape that is asked for, and the same for the same seed."""

from __future__ import annotations

import pytest
import torch

from helpers.training_models import ARCHITECTURE
from m1flow.errors import M1FlowError
from m1flow.study.settings.architecture import ArchitectureSettings
from m1flow.study.settings.problems import read
from m1flow.training.random_weights import init_base


def test_heads_must_divide_the_hidden_size(base_tokenizer):
    with pytest.raises(M1FlowError, match="hidden_size 32 is not a multiple of 3 heads"):
        init_base(read(ArchitectureSettings, ARCHITECTURE | {"heads": 3}), base_tokenizer, 0)


def test_weights_follow_the_seed_and_the_shape(base_tokenizer):
    architecture = read(ArchitectureSettings, ARCHITECTURE)
    first, again, other = (init_base(architecture, base_tokenizer, seed) for seed in (0, 0, 1))
    weights = [model.model.embed_tokens.weight for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    config = first.config
    assert (config.hidden_size, config.num_hidden_layers, config.vocab_size) == (32, 1, len(base_tokenizer))
    assert first.generation_config.eos_token_id == config.eos_token_id == base_tokenizer.eos_token_id
    assert first.generation_config.pad_token_id == base_tokenizer.pad_token_id
