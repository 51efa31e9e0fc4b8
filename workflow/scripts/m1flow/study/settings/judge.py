"""The judge, a model that labels wrong answers of the sweeps."""

from __future__ import annotations

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import GREEDY, TOP_P, Count, LocalPath, PositiveShare, SomeDistinct, Temperature


class JudgeSettings(Section):
    """The section ``judge``."""

    weights: str | None = Field(None, description="a base to ask; or give endpoint")
    endpoint: str | None = Field(None, description="a name in endpoints; or give weights")
    format: str = Field("direct", description="the reasoning format, a name in formats")
    models: SomeDistinct[str] | None = Field(None, description="the models whose answers are judged; by default all")
    questions: Count = Field(50, description="number of wrong answers drawn for each model and benchmark")
    hand_labels: LocalPath | None = Field(
        None, description="a CSV file with question_id, model and label, to measure agreement with"
    )
    max_tokens: Count = Field(1024, description="of a judgement, thinking included: more for a reasoning model")
    temperature: Temperature = Field(0, description=GREEDY)
    top_p: PositiveShare = Field(1, description=TOP_P)
