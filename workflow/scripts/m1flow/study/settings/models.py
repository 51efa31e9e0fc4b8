"""Models, which are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from m1flow.study.settings.section import Section
from m1flow.study.settings.sweep import StudySweep
from m1flow.study.settings.values import mismatch


@dataclass(frozen=True)
class LaidOver:
    """Metadata of a mapping that is laid over a section: it has some of its keys; null removes a key."""

    section: type[Section]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of any mapping; the result is checked after the mapping is laid over the section."""
        return core_schema.no_info_wrap_validator_function(self._check, handler.generate_schema(self.section))

    def _check(self, value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise mismatch("must be a mapping")
        return value


class ModelSettings(Section):
    """An entry of ``models``."""

    weights: str | None = Field(None, description="a base or a student; by default the one with the model's name")
    format: str = Field("m1", description="the reasoning format, a name in formats")
    prompt: str | None = Field(
        None, description="prompt used in place of prompts.evaluate, such as one that asks for a chain of thought"
    )
    published: str | None = Field(
        None,
        description="the model's name in the file published, whose numbers are then shown beside the study's",
    )
    sweep: Annotated[dict[str, Any], LaidOver(StudySweep)] | None = Field(
        None, description="the model's own settings, laid over the study's sweep key by key; null removes a key"
    )

    def prompts(self, of_study: Mapping[str, str]) -> dict[str, str]:
        """The study's prompts; the model's own prompt, if it has one, replaces ``evaluate``."""
        return {**of_study} if self.prompt is None else {**of_study, "evaluate": self.prompt}
