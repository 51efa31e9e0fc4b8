"""Bases from random weights: the same for the same seed, and made of a readable corpus only."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.training_models import load_base, make_base
from m1flow.errors import M1FlowError
from m1flow.files import parquet
from m1flow.files.json import read_json
from m1flow.models.folder import check_model_folder
from m1flow.models.formats import TrainingExample
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.problems import read
from m1flow.training.base_models import _answer_only, train_base


def test_a_broken_corpus_is_refused(tmp_path):
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 torn")
    with pytest.raises(M1FlowError, match="not a readable Parquet file"):
        make_base(bad, tmp_path / "out")
    pd.DataFrame({"prompt": ["a"], "completion": ["b"]}).to_parquet(bad)
    with pytest.raises(M1FlowError, match="column 'kind' is missing"):
        make_base(bad, tmp_path / "out")


def test_a_corpus_without_rows_is_nothing_to_train_on(tmp_path):
    parquet.write_table(tmp_path / "c.parquet", [], "corpora")
    with pytest.raises(M1FlowError, match=r"c\.parquet: no rows, so nothing to train on"):
        make_base(tmp_path / "c.parquet", tmp_path / "out")


def test_the_same_seed_makes_the_same_bytes(base, corpus_file, tmp_path):
    def weights(folder):
        return (folder / "model.safetensors").read_bytes()

    assert weights(make_base(corpus_file, tmp_path / "again")) == weights(base)
    assert weights(make_base(corpus_file, tmp_path / "other", seed=1)) != weights(base)


def test_a_base_is_a_complete_model_folder_that_says_how_it_was_made(base):
    check_model_folder(base)
    record = read_json(base / "m1flow" / "training.json")
    assert record["settings"]["kind"] == "base" and record["settings"]["architecture"]["layers"] == 1
    assert record["counts"]["steps"] == 6 and record["counts"]["examples"] == 80
    assert load_base(base)[0].config.use_cache


def test_the_loss_of_a_base_falls_on_its_answers_alone():
    example = TrainingExample([1, 2, 3, 4, 5, 6], 2, 0, 2, "")
    assert _answer_only(example).prompt_tokens == 3  # two tokens of the answer, and the end of the turn


def test_only_a_base_from_random_weights_is_trained(corpus_file, tmp_path):
    with pytest.raises(M1FlowError, match="^bases.given: architecture or training is missing"):
        given = read(BaseSettings, {"path": "models/given"})
        train_base(corpus_file, tmp_path / "out", name="given", base=given, formats={}, seed=0)
    assert not (tmp_path / "out").exists()
