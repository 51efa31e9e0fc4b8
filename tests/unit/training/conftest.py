"""What the tests of training share: one thread, a tiny base made from its corpus, and a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.training_models import make_base, write_corpus, write_dataset
from m1flow.models.tokenizers import load_tokenizer
from m1flow.training.preparation import set_up


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """One thread for PyTorch, so that the same seed gives the same bytes."""
    set_up(1)


@pytest.fixture(scope="package")
def corpus_file(tmp_path_factory) -> Path:
    """A corpus of facts and practice."""
    return write_corpus(tmp_path_factory.mktemp("corpora") / "mini.parquet")


@pytest.fixture(scope="package")
def base(corpus_file, tmp_path_factory) -> Path:
    """A base from random weights, trained for a few steps."""
    return make_base(corpus_file, tmp_path_factory.mktemp("models") / "mini")


@pytest.fixture(scope="package")
def dataset(tmp_path_factory) -> Path:
    """Twelve traces."""
    return write_dataset(tmp_path_factory.mktemp("datasets") / "few.parquet")


@pytest.fixture(scope="package")
def base_tokenizer(base):
    """The tokenizer of the base."""
    return load_tokenizer(base)
