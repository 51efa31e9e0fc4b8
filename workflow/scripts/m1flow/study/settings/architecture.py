"""The shape of a base that is trained from random weights."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Count, Positive


class ArchitectureSettings(Section):
    """``architecture`` of a base: a model of the Qwen2 kind."""

    hidden_size: Count = Field(64, description="a multiple of heads")
    intermediate_size: Count = Field(128, description="width of the feed-forward layers")
    layers: Count = Field(2, description="transformer layers")
    heads: Count = Field(2, description="attention heads")
    rope_theta: Positive = Field(100, description="base of the rotary position embedding")
    max_position: Count = Field(512, description="longest sequence, in tokens")
    vocabulary: Annotated[int, Field(ge=300)] = Field(
        1024, description="maximum number of tokens of the tokenizer trained with it"
    )
