"""Students: bases fine-tuned on a dataset."""

from __future__ import annotations

from pydantic import Field

from m1flow.study.settings.resources import TrainingResources
from m1flow.study.settings.student_training import StudentTraining
from m1flow.study.settings.values import HubId


class StudentSettings(StudentTraining):
    """An entry of ``students``."""

    resources: TrainingResources = Field(
        default_factory=TrainingResources,
        description="the resources of the student's job, and how it computes; none of it changes the trained model",
    )
    push_to_hub: HubId | None = Field(
        None, description="for the target pushes: private repository to publish the student in"
    )
