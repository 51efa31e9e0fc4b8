"""Deduplication and decontamination of the pool."""

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
        description="questions with at least this similarity (rapidfuzz ratio) are copies; 100: equal normalised texts",
    )
    decontamination: Literal["stem", "paper"] = Field(
        "stem",
        description="stem: finds copies with reworded, extended or shuffled parts; "
        "paper: the paper's comparison, for the record",
    )
    planted: Amount = Field(
        200, description="number of benchmark questions copied in each disguise, to measure the share of copies found"
    )
    seed: Amount = Field(0, description="draws the planted copies")
    against: Distinct[str] | None = Field(
        None,
        description="the benchmarks whose questions are removed; by default all. "
        "For all others, leaked questions are counted (docs/methods/data.md)",
    )
