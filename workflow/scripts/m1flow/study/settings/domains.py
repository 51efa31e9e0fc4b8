"""How a question's domain is found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import ANSWER_TOKENS, TOP_P, Count, LocalPath, PositiveShare, Temperature


class DomainSettings(Section):
    """The section ``domains``."""

    by: Literal["source", "model"] = Field(
        "source", description="source: the source's own field; model: a model names a code"
    )
    weights: str | None = Field(None, description="by model: a base to ask; or give endpoint")
    endpoint: str | None = Field(None, description="by model: a name in endpoints; or give weights")
    format: str = Field("direct", description="by model: the reasoning format of weights")
    vocabulary: LocalPath = Field(
        "config/mesh_qualifiers.tsv", description="by model: a tab-separated file with code, name, note"
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        3, description="by model: maximum number of times a question is asked until the answer is a code"
    )
    max_tokens: Count = Field(1024, description=f"{ANSWER_TOKENS}: more for a reasoning model")
    temperature: Temperature = Field(0, description="of the first attempt; later ones take at least 0.7")
    top_p: PositiveShare = Field(1, description=TOP_P)
