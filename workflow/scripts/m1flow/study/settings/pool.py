"""Which questions count as copies of each other or of a benchmark's, and leave."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import AS_WRITTEN, Amount, Distinct

EXACT = 100
"""The similarity of texts that are equal."""


class PoolSettings(Section):
    """The section ``pool``."""

    similarity: Annotated[float, Field(ge=50, le=EXACT), AS_WRITTEN] = Field(
        95,
        description="questions at least this alike (rapidfuzz ratio) are the same; 100 means the same normalised text",
    )
    decontamination: Literal["stem", "paper"] = Field(
        "stem",
        description="stem: finds copies with reworded, extended or shuffled parts; "
        "paper: the paper's comparison, for the record",
    )
    planted: Amount = Field(
        200, description="benchmark questions that are copied in each disguise, to measure how many copies are found"
    )
    seed: Amount = Field(0, description="draws the planted copies")
    against: Distinct[str] | None = Field(
        None,
        description="the benchmarks whose questions leave; all by default. "
        "In the others, what leaks is counted (docs/methods/data.md)",
    )
