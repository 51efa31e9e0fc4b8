"""How a base or a student is trained, and low-rank adapters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Count, Listed, NonNegative, Number, OneProblem, Positive, Share


class TrainingSettings(Section):
    """``training`` of a base or a student."""

    steps: Count | None = Field(None, description="optimiser steps; or give epochs")
    epochs: Positive | None = Field(None, description="passes over the dataset; or give steps")
    batch_size: Count = Field(16, description="examples per optimiser step, packed or not, on any number of devices")
    learning_rate: Positive = Field(1.0e-5, description="the highest, after the warm-up")
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="how the learning rate falls after the warm-up"
    )
    warmup: Share = Field(0.05, description="share of the steps")
    weight_decay: NonNegative = Field(1.0e-4, description="AdamW's")
    betas: Annotated[Listed[Number], Field(min_length=2, max_length=2)] = Field((0.9, 0.95), description="AdamW's")
    max_length: Count = Field(32768, description="tokens of an example")
    overlong: Literal["drop", "truncate"] = Field("drop", description="what becomes of longer examples")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the arithmetic and of the model written"
    )
    packing: bool = Field(True, description="several examples share a row, unseen by each other; changes speed only")
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2", "varlen"] = Field(
        "auto",
        description="auto: on a GPU in bfloat16, flash-attention where installed, else varlen (PyTorch's flash "
        "kernels); everywhere else sdpa, PyTorch's attention with a mask",
    )
    liger: Annotated[Literal["auto"] | bool, OneProblem("one of auto, true and false")] = Field(
        "auto", description="Liger's fused layers; auto: on a GPU where installed"
    )
    optimizer: Literal["adamw", "adamw_8bit"] = Field("adamw", description="adamw_8bit needs bitsandbytes")
    max_grad_norm: Positive = Field(1, description="longer gradients are cut to this")


class LoraSettings(Section):
    """``lora`` of a student: low-rank adapters."""

    rank: Count = Field(16, description="of the adapters")
    alpha: Positive = Field(32, description="the adapters' output is scaled by alpha / rank")
    dropout: Share = Field(0, description="share of the adapters' inputs left out in training")
    quantize: Literal["none", "4bit"] = Field("none", description="4bit: QLoRA; needs a GPU and bitsandbytes")
    keep_adapter: bool = Field(False, description="also write the adapter alone, in the folder adapter")
