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
        description="what a student's job asks for and how it computes; none of it changes what is learnt",
    )
    push_to_hub: HubId | None = Field(
        None, description="for the target pushes: where to publish the student, privately"
    )
