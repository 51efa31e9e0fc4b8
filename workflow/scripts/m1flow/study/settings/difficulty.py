"""The pass rates that make a question hard."""

from __future__ import annotations

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Share


class DifficultySettings(Section):
    """The section ``difficulty``."""

    min_pass_rate: Share = Field(0, description="lowest share of right answers of a hard question")
    max_pass_rate: Share = Field(
        0, description="highest share of right answers of a hard question; with 0 and 0, every attempt is wrong"
    )
