"""Datasets: selections of verified traces to train on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Amount, Count

RecipeName = Literal["hard", "random", "hard_domain", "hard_domain_source", "all"]


class DatasetSettings(Section):
    """An entry of ``datasets``."""

    teacher: str = Field(description="the teacher that wrote the traces, a name in teachers")
    recipe: RecipeName = Field(description="selects and draws the traces (docs/methods/traces.md)")
    size: Count | None = Field(None, description="number of examples; by default all")
    allow_fewer: bool = Field(False, description="accept fewer examples than size")
    min_tokens: Count | None = Field(None, description="leave out shorter examples")
    max_tokens: Count | None = Field(None, description="leave out longer examples")
    seed: Amount = Field(
        0, description="draws the examples; with the same seed, a larger dataset begins with the smaller one"
    )
    format: str = Field("m1", description="the reasoning format of the texts, a name in formats")
    tokenizer: str | None = Field(None, description="the base whose tokenizer counts tokens; the first by default")
