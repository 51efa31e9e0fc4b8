"""Opening an engine: what is not there, or can't be done, is refused before anything is asked."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from helpers.engine_requests import ENGINES, SETTINGS
from m1flow.engines.backend import Backend
from m1flow.engines.interface import Request
from m1flow.engines.opening import open_engine, versions
from m1flow.errors import M1FlowError
from m1flow.study.seams import engines as engine_seam
from m1flow.study.settings.engine import EngineSettings


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ENGINES)
def test_a_model_that_gpus_were_asked_for_is_not_run_on_the_cpu(folder, name):
    with pytest.raises(M1FlowError, match=r"engine\.gpus: .* sees no GPU"):
        open_engine(folder, EngineSettings(**SETTINGS, name=name, gpus=1))


def test_a_context_that_the_model_does_not_have_is_refused(folder):
    with pytest.raises(M1FlowError, match="engine.max_model_len: 4096 is more than the 512"):
        open_engine(folder, EngineSettings(name="transformers", max_model_len=4096))


def test_auto_takes_the_first_that_is_installed(folder, monkeypatch):
    def absent(name):
        return None if name == "vllm" else object()

    monkeypatch.setattr("m1flow.engines.opening.importlib.util.find_spec", absent)
    engine = open_engine(folder, EngineSettings(memory_mb=32))
    assert type(engine).__name__ == "TransformersEngine"
    with pytest.raises(M1FlowError, match="engine.name: vllm is not installed here; install it .*, or set engine.name"):
        open_engine(folder, EngineSettings(name="vllm"))


@pytest.mark.parametrize(
    ("lacking", "asked", "inability"),
    [
        (
            "stops_at_text",
            Request((5, 6), 3, (2,), until=SimpleNamespace(met=bool)),
            "can't stop at a text",
        ),
        ("gives_logprobs", Request((5, 6), 3, (2,), logprob=True), "gives no log-probabilities"),
        ("gives_logprobs", Request.judging((5, 6), (4,)), "gives no log-probabilities"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_and_the_rest_is_done(folder, monkeypatch, lacking, asked, inability):
    limited = replace(engine_seam.ENGINES.load("transformers", Backend), **{lacking: False})
    monkeypatch.setattr("m1flow.engines.opening.ENGINES", SimpleNamespace(load=lambda *_: limited))
    engine = open_engine(folder, EngineSettings(**SETTINGS, name="transformers"))
    with pytest.raises(M1FlowError, match=f"engine.name: transformers {inability}"):
        engine.submit(asked)
    engine.submit(Request((5, 6), 3, (2,)))
    assert len(list(engine.finished())) == 1
    engine.close()


def test_no_engine_is_opened_on_a_folder_that_is_not_whole(tmp_path):
    with pytest.raises(M1FlowError, match="no such model folder"):
        open_engine(tmp_path / "none", EngineSettings())


def test_a_package_without_a_version_is_named_all_the_same():
    assert versions("contextlib", "torch", "no_such_engine") == f"contextlib, torch {torch.__version__}"
