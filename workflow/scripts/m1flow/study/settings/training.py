"""Training settings of a base or a student, and of low-rank adapters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Count, Listed, NonNegative, Number, OneProblem, Positive, Share


class TrainingSettings(Section):
    """``training`` of a base or a student."""

    steps: Count | None = Field(None, description="number of optimiser steps; or give epochs")
    epochs: Positive | None = Field(None, description="passes over the dataset; or give steps")
    batch_size: Count = Field(16, description="examples per optimiser step, packed or not, on any number of devices")
    learning_rate: Positive = Field(1.0e-5, description="the highest, after the warm-up")
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="shape of the learning rate's fall after the warm-up"
    )
    warmup: Share = Field(0.05, description="share of the steps in which the learning rate rises")
    weight_decay: NonNegative = Field(1.0e-4, description="AdamW's")
    betas: Annotated[Listed[Number], Field(min_length=2, max_length=2)] = Field((0.9, 0.95), description="AdamW's")
    max_length: Count = Field(32768, description="maximum tokens of an example")
    overlong: Literal["drop", "truncate"] = Field("drop", description="handling of longer examples")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="precision of the arithmetic and of the model written"
    )
    packing: bool = Field(
        True, description="put several examples in a row, invisible to each other; changes only the speed"
    )
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2", "varlen"] = Field(
        "auto",
        description="auto: on a GPU in bfloat16, flash-attention if installed, else varlen (PyTorch's flash "
        "kernels); everywhere else sdpa, PyTorch's attention with a mask",
    )
    liger: Annotated[Literal["auto"] | bool, OneProblem("one of auto, true and false")] = Field(
        "auto", description="Liger's fused layers; auto: on a GPU if installed"
    )
    optimizer: Literal["adamw", "adamw_8bit"] = Field("adamw", description="adamw_8bit needs bitsandbytes")
    max_grad_norm: Positive = Field(1, description="maximum norm of gradients; longer ones are scaled down to it")


class LoraSettings(Section):
    """``lora`` of a student: low-rank adapters."""

    rank: Count = Field(16, description="of the adapters")
    alpha: Positive = Field(32, description="the adapters' output is scaled by alpha / rank")
    dropout: Share = Field(0, description="share of the adapters' inputs left out in training")
    quantize: Literal["none", "4bit"] = Field("none", description="4bit: QLoRA; needs a GPU and bitsandbytes")
    keep_adapter: bool = Field(False, description="also write the adapter alone, in the folder adapter")
