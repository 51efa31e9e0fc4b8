"""The loop: its loss is the cross-entropy of the assistant's tokens, and it falls."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest

from helpers.training_models import M1, load_base, tune
from m1flow.errors import M1FlowError
from m1flow.models.formats import Formatter
from m1flow.study.settings.formats import FormatSettings
from m1flow.training import loop


def test_the_first_loss_is_the_cross_entropy_of_the_assistants_tokens(base, dataset, tmp_path):
    import torch

    model, tokenizer = load_base(base)
    formatter = Formatter(tokenizer, "m1", FormatSettings(**M1))
    rows = pd.read_parquet(dataset)
    losses, tokens = 0.0, 0
    for prompt, reasoning, answer in zip(rows["prompt"], rows["reasoning"], rows["answer"], strict=True):
        example = formatter.example(prompt, reasoning, answer)
        logits = model(torch.tensor([example.input_ids])).logits[0].log_softmax(-1)
        for place in range(example.prompt_tokens, len(example.input_ids)):
            losses -= logits[place - 1, example.input_ids[place]].item()
            tokens += 1
    out = tune(base, dataset, tmp_path / "student", steps=1, batch_size=len(rows), learning_rate=1e-4)
    curve = pd.read_csv(out / "m1flow" / "loss.csv")
    assert curve["loss"][0] == pytest.approx(losses / tokens, rel=1e-4)


def test_training_lowers_the_loss_and_tells_how(base, dataset, tmp_path):
    out = tune(base, dataset, tmp_path / "student", steps=25, warmup=0.2)
    curve = pd.read_csv(out / "m1flow" / "loss.csv")
    assert list(curve.columns) == ["step", "loss", "learning_rate", "tokens"]
    assert list(curve["step"]) == list(range(1, 26))
    assert curve["loss"].iloc[-5:].mean() < 0.8 * curve["loss"].iloc[:5].mean()
    assert curve["learning_rate"].idxmax() == 5  # a warm-up of 5 steps: the sixth has the full rate
    record = json.loads((out / "m1flow" / "training.json").read_text())
    assert record["counts"]["examples"] == 12
    assert record["counts"]["seen_tokens"] == curve["tokens"].iloc[-1]
    assert record["settings"]["training"]["steps"] == 25
    assert "| optimiser steps | 25 |" in (out / "README.md").read_text()


def test_a_loss_that_is_not_finite_stops_with_the_cure_and_leaves_nothing(base, dataset, tmp_path):
    with pytest.raises(M1FlowError, match="student: training: the loss is .*lower training.learning_rate"):
        tune(base, dataset, tmp_path / "student", learning_rate=1e30, warmup=0, steps=20)
    assert list(tmp_path.iterdir()) == []


def test_trackers_are_those_that_are_installed(monkeypatch, tmp_path):
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    monkeypatch.setattr(loop, "installed", lambda feature: feature == "tensorboard")
    monkeypatch.setattr(loop, "require", lambda feature, key: None)
    assert loop.reports_to("none", tmp_path) == ()
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ
    assert loop.reports_to("auto", tmp_path) == ("tensorboard",)
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path)
    assert loop.reports_to("wandb", tmp_path) == ("wandb",)
    monkeypatch.setattr(loop, "installed", lambda feature: False)
    assert loop.reports_to("auto", tmp_path) == ()
