"""A tiny Qwen2 model with a byte-level tokenizer, from random weights: enough for two engines to be compared on."""

from __future__ import annotations

from pathlib import Path

ALPHABET_SIZE = 260
CONTEXT = 512


def build_model(folder: Path, *, seed: int = 0, spread: float = 0.3, heads: int = 2) -> Path:
    """Save a model of about 0.1M parameters; ``spread`` is the weights' standard deviation, ``heads`` divide 64.

    A wide spread gives logits that are far apart, as a trained model's are, so that greedy decoding has no near-ties
    which the engines' rounding could break differently.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    vocabulary = {piece: index for index, piece in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>").save_pretrained(
        folder
    )
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=ALPHABET_SIZE,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        tie_word_embeddings=True,
        initializer_range=spread,
        eos_token_id=2,
        pad_token_id=3,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder
