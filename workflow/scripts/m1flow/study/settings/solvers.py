"""Solvers, which attempt the pool."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import ANSWER_TOKENS, GREEDY, TOP_P, Count, Paths, PositiveShare, Temperature


class SolverSettings(Section):
    """An entry of ``solvers``."""

    kind: Literal["model", "recorded"] = Field(
        "model", description="model: a model is asked; recorded: attempts come from files"
    )
    weights: str | None = Field(None, description="kind model: a base, run in this process; or give endpoint")
    endpoint: str | None = Field(None, description="kind model: a name in endpoints; or give weights")
    path: Paths = Field((), description="kind recorded: files of attempts")
    format: str = Field("direct", description="the reasoning format, a name in formats")
    attempts: Count = Field(1, description="number of answers to each question; several need a temperature")
    temperature: Temperature = Field(0, description=GREEDY)
    top_p: PositiveShare = Field(1, description=TOP_P)
    max_tokens: Count = Field(4000, description=ANSWER_TOKENS)
