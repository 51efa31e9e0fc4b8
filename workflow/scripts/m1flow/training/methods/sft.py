"""Supervised fine-tuning: the student learns to write its teacher's turns, thinking and answer, word for word."""

from __future__ import annotations

from m1flow.training.method import Method, TrainedStudent, TrainingTask


def train(task: TrainingTask) -> TrainedStudent:
    """Train on the dataset's examples as they are."""
    from m1flow.training.supervised import dataset_examples, train_on

    return train_on(task, dataset_examples(task))


METHOD = Method(trains_adapters=True, shares_work=True, train=train)
