"""Training: the paper's optimiser, and exact arithmetic."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.training import LoraSettings, TrainingSettings


def test_the_optimiser_is_the_papers_by_default():
    training = TrainingSettings()
    assert (training.learning_rate, training.scheduler, training.warmup) == (1e-5, "cosine", 0.05)
    assert (training.weight_decay, training.betas, training.batch_size) == (1e-4, (0.9, 0.95), 16)
    assert (training.steps, training.epochs, training.precision) == (None, None, "float32")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"learning_rate": 0}, "learning_rate: must be more than 0, not 0"),
        ({"warmup": 5}, "warmup: must be at most 1, not 5"),
        ({"overlong": "split"}, 'overlong: must be one of drop, truncate, not "split"'),
        ({"precision": "float16"}, 'precision: must be one of float32, bfloat16, not "float16"'),
    ],
)
def test_what_can_not_be_trained_with_is_refused(values, words):
    assert refusal(TrainingSettings, values) == words


def test_adapters_are_merged_and_not_quantized_by_default():
    lora = LoraSettings()
    assert (lora.rank, lora.alpha, lora.quantize, lora.keep_adapter) == (16, 32, "none", False)
    assert refusal(LoraSettings, {"quantize": "8bit"}) == 'quantize: must be one of none, 4bit, not "8bit"'
