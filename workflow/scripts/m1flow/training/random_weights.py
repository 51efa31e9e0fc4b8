"""A Qwen2 model of any size with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from m1flow.errors import M1FlowError
from m1flow.study.settings.architecture import ArchitectureSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def init_base(architecture: ArchitectureSettings, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """A Qwen2 model with random weights, the same for the same seed.

    Args:
        architecture: the model's shape.
        tokenizer: gives the size of the vocabulary, and the token ids of end and padding.
        seed: the seed for the weights.

    Raises:
        M1FlowError: the heads don't divide the hidden size.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    hidden, heads = architecture.hidden_size, architecture.heads
    if hidden % heads:
        raise M1FlowError(
            f"architecture: heads: hidden_size {hidden} is not a multiple of {heads} heads; change one of them"
        )
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=architecture.max_position,
        rope_parameters={"rope_type": "default", "rope_theta": float(architecture.rope_theta)},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(config)
    model.generation_config.update(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model
