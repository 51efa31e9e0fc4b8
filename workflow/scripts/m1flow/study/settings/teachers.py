"""Teachers, which write reasoning traces."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import (
    ANSWER_TOKENS,
    GREEDY,
    REVISION,
    TOP_P,
    Amount,
    Count,
    HubId,
    Paths,
    PositiveShare,
    Share,
    Temperature,
    Text,
    Texts,
)


class TeacherSettings(Section):
    """An entry of ``teachers``."""

    kind: Literal["formulary", "recorded", "model"] = Field(
        description="formulary: the demo's exact solver; recorded: traces from files; model: a model is asked"
    )
    unfiltered_questions: Amount = Field(
        0, description="also teach so many questions drawn regardless of difficulty, for datasets without the filter"
    )
    slip_rate: Share = Field(0, description="kind formulary: share of traces with a slip")
    path: Paths = Field((), description="kind recorded: files of traces")
    hub: HubId | None = Field(None, description="kind recorded: a data set of traces on the hub, instead of path")
    revision: Text | None = Field(None, description=REVISION)
    config: str | None = Field(None, description="on the hub: which of the data set's configs")
    split: str | None = Field(None, description="on the hub: which split; train by default")
    files: Texts | None = Field(None, description="on the hub: which files (patterns); by default those of the split")
    weights: str | None = Field(None, description="kind model: a base, run in this process; or give endpoint")
    endpoint: str | None = Field(None, description="kind model: a name in endpoints; or give weights")
    format: str = Field("think", description="kinds recorded and model: the reasoning format, a name in formats")
    temperature: Temperature = Field(0, description=GREEDY)
    top_p: PositiveShare = Field(1, description=TOP_P)
    max_tokens: Count = Field(8000, description=ANSWER_TOKENS)
