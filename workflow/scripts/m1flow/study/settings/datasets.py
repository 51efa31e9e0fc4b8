"""Datasets: selections of verified traces to train on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Amount, Count

RecipeName = Literal["hard", "random", "hard_domain", "hard_domain_source", "all"]


class DatasetSettings(Section):
    """An entry of ``datasets``."""

    teacher: str = Field(description="a name in teachers: whose traces")
    recipe: RecipeName = Field(description="which traces are drawn, and how (docs/methods/traces.md)")
    size: Count | None = Field(None, description="all there are by default")
    allow_fewer: bool = Field(False, description="go on with fewer than size")
    min_tokens: Count | None = Field(None, description="leave out shorter examples")
    max_tokens: Count | None = Field(None, description="leave out longer examples")
    seed: Amount = Field(0, description="draws the examples; a smaller set begins a larger one of the same seed")
    format: str = Field("m1", description="the reasoning format of the texts, a name in formats")
    tokenizer: str | None = Field(None, description="the base whose tokenizer counts tokens; the first by default")
