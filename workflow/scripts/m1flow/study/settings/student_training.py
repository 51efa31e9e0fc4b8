"""The settings of a student that decide its training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from m1flow.study.seams.methods import METHODS
from m1flow.study.settings.section import Section
from m1flow.study.settings.training import LoraSettings, TrainingSettings
from m1flow.study.settings.values import Amount, rule

AdaptersName = Literal["lora"]

_FORMER = {
    "full": "'full' is not a method; remove this key: all weights are trained unless adapters says otherwise",
    "lora": "'lora' is not a method; remove this key, and write adapters: lora",
}
"""Values that ``method`` had before adapters got a key of their own, each with the cure."""


def _check_former(value: Any) -> Any:
    if isinstance(value, str) and value in _FORMER:
        raise rule(_FORMER[value])
    return value


class StudentTraining(Section):
    """An entry of ``students``, without the resources of its job and its publication."""

    base: str = Field(description="a name in bases")
    dataset: str = Field(description="a name in datasets")
    seed: Amount | None = Field(None, description="seed of its training; by default the study's seed")
    method: Annotated[str, METHODS, BeforeValidator(_check_former)] = Field(
        "sft", description="training method; sft: supervised fine-tuning"
    )
    adapters: AdaptersName | None = Field(
        None, description="train low-rank adapters, which are merged at the end; by default all weights are trained"
    )
    format: str = Field("m1", description="the reasoning format, the dataset's")
    training: TrainingSettings = Field(description="training settings")
    lora: LoraSettings = Field(default_factory=LoraSettings, description="with adapters: lora")
