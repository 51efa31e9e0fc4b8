"""Training methods: their abilities, their task and their result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from m1flow.study.seams.methods import MethodAbilities
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.student_training import StudentTraining
from m1flow.study.settings.training import LoraSettings
from m1flow.training.launch import Computation

if TYPE_CHECKING:
    from transformers import Trainer

    from m1flow.training.loss_curve import LossCurve


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """A student to train.

    Attributes:
        name: the student's name.
        base: the model folder to start from.
        dataset: the datasets table to learn from.
        student: its entry of the study.
        markers: its reasoning format.
        seed: the seed for order, adapters and dropout.
        computation: where to compute and keep checkpoints.
    """

    name: str
    base: Path | str
    dataset: Path | str
    student: StudentTraining
    markers: FormatSettings
    seed: int
    computation: Computation = field(default_factory=Computation)

    @property
    def lora(self) -> LoraSettings | None:
        """Settings of the adapters; None if all weights are trained."""
        return self.student.lora if self.student.adapters == "lora" else None


@dataclass(frozen=True, kw_only=True)
class TrainedStudent:
    """The result of a method, in every process of a run.

    Attributes:
        trainer: holds the trained model, with its adapters not yet merged.
        curve: the loss at each step.
        counts: numbers of examples, drops and tokens.
        steps: number of optimiser steps.
    """

    trainer: Trainer
    curve: LossCurve
    counts: Mapping[str, int]
    steps: int


@dataclass(frozen=True, kw_only=True)
class Method(MethodAbilities):
    """A training method; each file of `training.methods` defines one.

    Attributes:
        train: trains a student; every process of a run calls it.
    """

    train: Callable[[TrainingTask], TrainedStudent]
