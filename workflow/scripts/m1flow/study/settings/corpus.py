"""The corpus that random weights are trained on."""

from __future__ import annotations

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Amount, Listed, Range, Share


class CorpusSettings(Section):
    """``corpus`` of a base: the training data of random weights."""

    sources: Listed[str] = Field((), description="answered directly")
    facts: Amount = Field(0, description="statements about the formulary")
    practice: Amount = Field(0, description="formulary questions answered directly")
    chain: Range = Field((1, 2), description="drugs in a practice question")
    rare_share: Share = Field(0.1, description="share of the facts kept for a rare drug")
