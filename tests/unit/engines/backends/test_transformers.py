"""The backend transformers: what it can't load is named, and what it declares holds."""

from __future__ import annotations

import json
import shutil

import pytest

from helpers.engine_requests import generate, requests
from m1flow.engines.backends.transformers import ENGINE
from m1flow.errors import M1FlowError
from m1flow.study.settings.engine import EngineSettings


def test_a_model_that_transformers_does_not_know_is_refused_in_one_line(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "config.json").write_text(json.dumps({"model_type": "nobodys", "max_position_embeddings": 64}))
    with pytest.raises(M1FlowError, match=r"copy: transformers can't load this model \(.*nobodys") as refused:
        ENGINE.open(copy, EngineSettings())
    assert "\n" not in str(refused.value)


def test_what_waits_in_a_closed_engine_is_let_go_of(folder):
    engine = ENGINE.open(folder, EngineSettings(batch_size=2))
    assert len(generate(engine, requests(3, max_tokens=4))) == 3
    engine.submit(requests(1)[0])
    engine.close()
    assert engine._batch is None and engine._waiting == []


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_no_more_rows_run_than_the_batch_size(folder, rows):
    engine = ENGINE.open(folder, EngineSettings(batch_size=rows))
    for request in requests(12, max_tokens=6):
        engine.submit(request)
    most = 0
    for _ in engine.finished():
        most = max(most, len(engine._batch.rows))
    assert engine.tally.requests == 12 and most <= rows
