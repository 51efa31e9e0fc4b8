"""Before the loop: how many steps there are, and what is left to train on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.training_models import tune
from m1flow.errors import M1FlowError
from m1flow.study.settings.problems import read
from m1flow.study.settings.training import TrainingSettings
from m1flow.training.preparation import total_steps


def test_steps_are_given_or_follow_from_epochs():
    assert total_steps(read(TrainingSettings, {"steps": 7, "batch_size": 4}), 100) == 7
    assert total_steps(read(TrainingSettings, {"epochs": 5, "batch_size": 16}), 1000) == 315
    assert total_steps(read(TrainingSettings, {"epochs": 0.5, "batch_size": 16}), 20) == 1
    with pytest.raises(M1FlowError, match="either steps or epochs"):
        total_steps(read(TrainingSettings, {"batch_size": 4}), 100)


def test_a_dataset_of_overlong_examples_is_refused(base, dataset, tmp_path):
    with pytest.raises(M1FlowError, match="no example of at most 10 tokens"):
        tune(base, dataset, tmp_path / "student", max_length=10)


@given(st.integers(1, 500), st.integers(1, 64), st.floats(0.01, 5))
def test_epochs_take_every_example_as_often_as_they_say(examples, batch_size, epochs):
    training = read(TrainingSettings, {"epochs": epochs, "batch_size": batch_size})
    steps = total_steps(training, examples)
    assert steps >= 1 and steps * batch_size >= epochs * examples * (1 - 1e-9)
    assert steps == 1 or (steps - 1) < epochs * -(-examples // batch_size)
