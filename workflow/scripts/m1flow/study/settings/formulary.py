"""The world of the adapter formulary."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Amount


class FormularySettings(Section):
    """The section ``formulary``."""

    seed: Amount = Field(7, description="draws the drugs and their effects")
    drugs: Annotated[int, Field(ge=2)] = Field(40, description="number of drugs in the formulary")
    rare_drugs: Amount = Field(10, description="number of these drugs that are rare in the base's corpus")
