"""Around the loop: how many steps there are, what is left to train on, and what a full disk is called."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from helpers.training_models import tune
from m1flow.errors import M1FlowError
from m1flow.study.settings.problems import read
from m1flow.study.settings.training import TrainingSettings
from m1flow.training.steps import naming_full_disks, total_steps


def test_steps_are_given_or_follow_from_epochs():
    assert total_steps(read(TrainingSettings, {"steps": 7, "batch_size": 4}), 100) == 7
    assert total_steps(read(TrainingSettings, {"epochs": 5, "batch_size": 16}), 1000) == 315
    assert total_steps(read(TrainingSettings, {"epochs": 0.5, "batch_size": 16}), 20) == 1
    with pytest.raises(M1FlowError, match="either steps or epochs"):
        total_steps(read(TrainingSettings, {"batch_size": 4}), 100)


def test_a_dataset_of_overlong_examples_is_refused(base, dataset, tmp_path):
    with pytest.raises(M1FlowError, match="no example of at most 10 tokens"):
        tune(base, dataset, tmp_path / "student", max_length=10)


def test_what_a_tracker_says_of_the_network_is_not_taken_for_the_disk(tmp_path):

    with pytest.raises(ConnectionResetError) as caught, naming_full_disks(tmp_path):
        raise ConnectionResetError(104, "reset by peer")
    assert caught.value.filename is None
    with pytest.raises(OSError) as caught, naming_full_disks(tmp_path):
        raise OSError(28, "no space left")
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_by_what_was_to_be_written(number):
    with pytest.raises(OSError) as caught, naming_full_disks("models/m"):
        raise OSError(number, "no room")
    assert (caught.value.errno, caught.value.filename) == (number, "models/m")
    told = r"^models/m: the model can't be written \(no room\); free the disk"
    with pytest.raises(M1FlowError, match=told), naming_full_disks("models/m"):
        raise SafetensorError("no\nroom")


@given(st.integers(1, 500), st.integers(1, 64), st.floats(0.01, 5))
def test_epochs_take_every_example_as_often_as_they_say(examples, batch_size, epochs):
    training = read(TrainingSettings, {"epochs": epochs, "batch_size": batch_size})
    steps = total_steps(training, examples)
    assert steps >= 1 and steps * batch_size >= epochs * examples * (1 - 1e-9)
    assert steps == 1 or (steps - 1) < epochs * -(-examples // batch_size)
