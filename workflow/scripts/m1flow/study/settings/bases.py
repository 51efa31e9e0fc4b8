"""Base models."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from m1flow.study.settings.architecture import ArchitectureSettings
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.section import Section
from m1flow.study.settings.training import TrainingSettings
from m1flow.study.settings.values import REVISION, HubId, LocalPath, Text


class BaseSettings(Section):
    """An entry of ``bases``."""

    one_of: ClassVar = (("architecture", "corpus", "training"), ("path",), ("hub",))
    filled_in: ClassVar = {"path": "hub"}

    path: LocalPath | None = Field(None, description="a local model folder")
    hub: HubId | None = Field(None, description="a model on the hub")
    revision: Text | None = Field(None, description=REVISION)
    architecture: ArchitectureSettings | None = Field(None, description="a model of the Qwen2 kind with random weights")
    corpus: CorpusSettings | None = Field(None, description="training data of random weights")
    training: TrainingSettings | None = Field(None, description="training settings of random weights")
