"""Supervised fine-tuning takes a dataset's examples as they are."""

from __future__ import annotations

from types import SimpleNamespace

from m1flow.study.seams.methods import METHODS
from m1flow.training import supervised
from m1flow.training.method import Method
from m1flow.training.methods import sft


def test_the_examples_are_those_of_the_dataset(monkeypatch):
    monkeypatch.setattr(supervised, "dataset_examples", lambda task: [task.name, "examples"])
    monkeypatch.setattr(supervised, "train_on", lambda task, examples: ("trained", task.name, examples))
    assert sft.train(SimpleNamespace(name="s")) == ("trained", "s", ["s", "examples"])


def test_it_is_found_by_name_and_trains_adapters_and_shares_work():
    method = METHODS.load("sft", Method)
    assert method is sft.METHOD and method.trains_adapters and method.shares_work
