"""Choice of the kernels for training on this machine: attention, and Liger's fused layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from m1flow.errors import M1FlowError
from m1flow.study.settings.training import TrainingSettings
from m1flow.training.packages import installed, require

if TYPE_CHECKING:
    from transformers import PretrainedConfig

VARLEN = "m1flow_varlen"
"""The name of `torch_varlen` in transformers."""


def attention(training: TrainingSettings, on_gpu: bool, config: PretrainedConfig) -> str:
    """The attention implementation, as transformers names it.

    On a GPU in bfloat16, ``auto`` takes flash-attention if the package is installed, else PyTorch's flash kernels if
    the model can use them; in all other cases it takes PyTorch's SDPA.

    Args:
        training: names the implementation.
        on_gpu: whether the training runs on a GPU.
        config: the model's config.

    Raises:
        M1FlowError: the chosen implementation can't run here, or not with this model.
    """
    implementation = training.attention
    fit = on_gpu and training.precision == "bfloat16"
    if implementation == "auto":
        if fit and installed("flash_attention_2"):
            implementation = "flash_attention_2"
        else:
            implementation = "varlen" if fit and _attends_to_all(config) else "sdpa"
    if implementation in ("flash_attention_2", "varlen") and not fit:
        raise M1FlowError(
            f"training: attention: {implementation} needs a GPU and precision bfloat16; give the student a GPU "
            "(resources.gpus) and that precision, or choose auto"
        )
    if implementation == "flash_attention_2":
        require(implementation, "training: attention")
    if implementation == "varlen":
        if not _attends_to_all(config):
            raise M1FlowError(
                "training: attention: varlen doesn't support this model's attention (windows or capped scores); "
                "choose auto"
            )
        _register_varlen()
        return VARLEN
    return implementation


def _attends_to_all(config: PretrainedConfig) -> bool:
    """Whether every layer attends to all previous tokens by plain softmax, the only case that `torch_varlen` covers."""
    text = config.get_text_config()
    kinds = {*(getattr(text, "layer_types", None) or ())}
    special = ("sliding_window", "attention_chunk_size", "attn_logit_softcapping")
    return kinds <= {"full_attention"} and not any(getattr(text, key, None) for key in special)


def takes_boundaries(implementation: str) -> bool:
    """Whether an attention implementation takes one row with its examples' boundaries, not a mask."""
    return implementation in ("flash_attention_2", VARLEN)


def use_liger(training: TrainingSettings, on_gpu: bool) -> bool:
    """Whether Liger's fused layers are used: by default, if they are installed and a GPU is used.

    Raises:
        M1FlowError: Liger is required but not installed.
    """
    liger = training.liger
    if liger is True:
        require("liger", "training: liger")
    return liger is True or (liger == "auto" and on_gpu and installed("liger"))


def torch_varlen(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each example of one packed row, by the flash kernels that come with PyTorch.

    Args:
        module: unused.
        query: 1 x heads x tokens x head size; ``key`` and ``value`` may have fewer heads.
        key: shaped as query.
        value: shaped as query.
        attention_mask: unused; the boundaries replace it.
        scaling: factor of the scores.
        cu_seq_lens_q: starts of the examples, and the end.
        max_length_q: length of the longest example.

    Returns:
        1 x tokens x heads x head size, and None in place of attention weights.
    """
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = (part[0].transpose(0, 1).to(torch.bfloat16) for part in (query, key, value))
    rows: Any = (query, key, value, cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q)
    out: Any = varlen_attn(
        *rows,
        scale=scaling,
        window_size=(-1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out[None], None


def _register_varlen() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(VARLEN, torch_varlen)  # without a mask function, transformers makes no mask
