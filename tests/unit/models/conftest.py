"""What the tests of model folders share: a tiny model and a tokenizer, which none of them changes."""

from __future__ import annotations

import pytest

from helpers.engine_models import build_model
from m1flow.training.tokenizer import train_tokenizer


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """A whole model folder."""
    return build_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="package")
def tokenizer():
    """A tokenizer with the markers of every format."""
    return train_tokenizer(["the patient takes a dose and the score rises", "think answer Answer: Final"], 320)
