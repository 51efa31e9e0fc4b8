"""The engine: exact arithmetic and no GPU by default."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.engine import EngineSettings


def test_models_run_exactly_and_without_a_gpu_by_default():
    engine = EngineSettings()
    assert (engine.name, engine.dtype, engine.gpus, engine.tensor_parallel_size) == ("auto", "float32", 0, 1)
    assert engine.max_model_len is None
    assert engine.candidates == ("vllm", "transformers")
    assert EngineSettings(name="transformers").candidates == ("transformers",)


def test_limits_are_named():
    assert refusal(EngineSettings, {"gpus": -1}) == "gpus: must be at least 0, not -1"
    assert (
        refusal(EngineSettings, {"gpu_memory_utilization": 0}) == "gpu_memory_utilization: must be more than 0, not 0"
    )
    assert refusal(EngineSettings, {"batchsize": 8}) == "batchsize: unknown key; did you mean 'batch_size'?"
