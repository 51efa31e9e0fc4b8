"""Resources of training: what a job asks for, which changes nothing that is learnt."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.resources import TrainingResources


def test_training_asks_for_one_process_and_no_gpu_by_default():
    asked = TrainingResources()
    assert (asked.gpus, asked.nodes, asked.processes, asked.threads) == (0, 1, 1, 1)
    assert (asked.checkpoint_minutes, asked.report_to) == (15, "auto")


def test_limits_are_named():
    assert refusal(TrainingResources, {"nodes": 0}) == "nodes: must be at least 1, not 0"
    message = refusal(TrainingResources, {"report_to": "mlflow"})
    assert message == 'report_to: must be one of auto, none, tensorboard, wandb, trackio, not "mlflow"'
