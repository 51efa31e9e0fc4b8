"""Reasoning formats: the markers around thinking."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Text


class FormatSettings(Section):
    """An entry of ``formats``: texts in the model's own markers; without ``thinking_start``, it answers directly."""

    needs: ClassVar = {"thinking_start": ("thinking_end", "forced_end"), "thinking_end": ("thinking_start",)}

    thinking_start: Text | None = Field(None, description="opens the thinking")
    thinking_end: Text | None = Field(
        None,
        description="ends the thinking: a trained model writes it, and a sweep recognises the end by it",
    )
    answer_start: str = Field("", description="begins the answer in training")
    forced_end: Text | None = Field(
        None, description="placed after a cut; in formats without thinking, placed before the answer"
    )
    text_marker: bool | None = Field(None, description="whether thinking_end is plain text, not a control token")
