"""A tokenizer for base models made from random weights: Qwen2's kind, trained on the base's own corpus."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from m1flow.errors import M1FlowError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END_OF_TURN, PAD, UNUSED = "<|im_end|>", "<|fim_pad|>", "<|endoftext|>"
SPECIAL_TOKENS = (UNUSED, "<|im_start|>", END_OF_TURN, PAD)
"""Qwen2.5's control tokens, so that its formats work on a base from random weights."""

THINKING_TOKENS = ("<think>", "</think>")
"""Control tokens of the ``<think>`` formats; not flagged special, as in Qwen3."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""ChatML in Qwen2's form, without a default system turn."""


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer with Qwen2's splitting rules and control tokens.

    Any text can be encoded, and every digit is a token. Merging ends early once every word of the texts is a single
    token.

    Args:
        texts: the texts to learn merges from.
        vocabulary: maximum number of tokens, with bytes and control tokens.

    Raises:
        M1FlowError: the vocabulary can't hold the bytes and the control tokens.
    """
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    control = [*SPECIAL_TOKENS, *THINKING_TOKENS]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if vocabulary < len(alphabet) + len(control):
        raise M1FlowError(
            f"architecture: vocabulary: {vocabulary} can't hold the {len(alphabet)} bytes and {len(control)} control "
            f"tokens; give at least {len(alphabet) + len(control)}"
        )
    # The normaliser and splitter come from an empty Qwen2 tokenizer, so that training and later loading agree.
    qwen2 = Qwen2Tokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE())
    learner.normalizer, learner.pre_tokenizer = qwen2.normalizer, qwen2.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(control), min_frequency=2, initial_alphabet=sorted(alphabet), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]
    merges: Any = [tuple(merge) for merge in learnt["merges"]]  # declared as texts, taken as pairs
    tokenizer = Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=merges,
        unk_token=None,  # type: ignore[arg-type]  # every byte is a token
        eos_token=END_OF_TURN,
        pad_token=PAD,
    )
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in THINKING_TOKENS])
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
