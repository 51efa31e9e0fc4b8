"""What the tests of sweeps share: a tokenizer, and a formatter of each kind."""

from __future__ import annotations

import pytest

from helpers.sweep_reference import FORMATS
from m1flow.models.formats import Formatter
from m1flow.study.settings.formats import FormatSettings
from m1flow.training.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["a question about a dose of some drug", "Wait, the answer is 3"], 300)


@pytest.fixture(scope="module")
def formatters(tokenizer):
    return {name: Formatter(tokenizer, name, FormatSettings(**spec)) for name, spec in FORMATS.items()}
