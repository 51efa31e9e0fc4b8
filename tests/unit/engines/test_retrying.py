"""Memory that runs out: once more with smaller settings, then one clear line."""

from __future__ import annotations

import gc
import importlib.util
import json
import weakref

import pytest

from helpers.engine_models import build_model
from m1flow.engines.interface import Completion, Request
from m1flow.engines.opening import open_engine
from m1flow.engines.retrying import RetryingEngine
from m1flow.errors import M1FlowError
from m1flow.models.gpus import free_memory
from m1flow.study.settings.engine import EngineSettings

SETTINGS = EngineSettings(batch_size=8)


class Limited:
    """Says its prompt; runs out of memory after some answers, if its batch is too large."""

    model_id = "limited"

    def __init__(self, settings, most=4, after=3):
        self.settings, self.most, self.after, self.pending, self.closed = settings, most, after, [], False

    def submit(self, request):
        self.pending.append(request)

    def finished(self):
        done = 0
        while self.pending:
            if self.settings.batch_size > self.most and done == self.after:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.\nOf the allocated memory ...")
            done += 1
            yield (request := self.pending.pop(0)), Completion(request.prompt, True, 1)

    def close(self):
        self.closed = True


def ask(engine, number=9):
    requests = [Request((n, 5), 4, (1,), tag=f"t{n}") for n in range(number)]
    for request in requests:
        engine.submit(request)
    return requests, list(engine.finished())


def test_what_was_not_finished_is_done_with_smaller_settings(caplog):
    opened = []
    engine = RetryingEngine(
        lambda settings: opened.append(Limited(settings)) or opened[-1],
        SETTINGS,
        context=lambda: 100,
    )
    requests, done = ask(engine)
    assert [request for request, _ in done] == requests
    assert [request.tag for request, _ in done] == [f"t{n}" for n in range(9)]
    assert all(completion.token_ids == request.prompt for request, completion in done)
    assert [one.settings.batch_size for one in opened] == [8, 4] and opened[0].closed
    assert opened[1].settings.max_model_len == 100 and opened[1].settings.gpu_memory_utilization < 0.9
    assert "CUDA out of memory" in caplog.text and "batch_size" in caplog.text


def test_the_first_engines_memory_is_free_when_the_second_opens():
    held, alive = [], []

    class Holding(Limited):
        def finished(self):
            cache = Completion((1,), True, 1)  # lies in the frame that the error leaves
            held.append(weakref.ref(cache))
            yield from super().finished()
            del cache

    def factory(settings):
        alive.append([reference() is not None for reference in held])
        return Holding(settings)

    ask(RetryingEngine(factory, SETTINGS, context=lambda: 100))
    assert alive == [[], [False]]


def test_memory_that_runs_out_twice_is_told_in_one_line():
    engine = RetryingEngine(lambda settings: Limited(settings, most=1), SETTINGS, context=lambda: 100)
    with pytest.raises(
        M1FlowError, match="with smaller settings .*CUDA out of memory.*; lower engine.batch_size"
    ) as told:
        ask(engine)
    assert "\n" not in str(told.value)


def test_other_errors_are_not_tried_again():
    opened = []

    def factory(settings):
        opened.append(settings)
        raise ValueError("no such model")

    with pytest.raises(ValueError, match="no such model"):
        RetryingEngine(factory, SETTINGS, context=lambda: 100)
    assert len(opened) == 1


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed")
def test_a_cache_too_small_for_the_models_context_takes_what_is_asked_for(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU's cache isn't sized by memory_mb")
    folder = build_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 8192}))
    settings = EngineSettings(name="vllm", memory_mb=1, batch_size=4)
    engine = RetryingEngine(lambda settings: open_engine(folder, settings), settings, context=lambda: 256)
    _, done = ask(engine, number=3)
    assert len(done) == 3
    engine.close()
    with pytest.raises(M1FlowError, match="engine: out of memory, even with smaller settings") as told:
        RetryingEngine(lambda settings: open_engine(folder, settings), settings, context=lambda: 8192)
    assert "\n" not in str(told.value)


TAKEN = (
    "vLLM can't load this model (Free memory on device cuda:0 (64.18/79.18 GiB) on startup is less than desired GPU "
    "memory utilization (0.9, 71.26 GiB). Decrease GPU memory utilization or reduce GPU memory used by other "
    "processes.)"
)


def test_a_gpu_that_others_use_too_is_tried_with_a_smaller_share_of_it():
    opened = []

    def factory(settings):
        opened.append(settings.gpu_memory_utilization)
        if settings.gpu_memory_utilization > 0.8:
            raise M1FlowError(TAKEN)
        return Limited(settings)

    RetryingEngine(factory, SETTINGS, context=lambda: 100)
    assert opened == [0.9, 0.765]


def test_a_gpu_that_others_fill_is_told_with_its_own_cure():
    def factory(settings):
        raise M1FlowError(TAKEN)

    with pytest.raises(M1FlowError, match="even with smaller settings .*; end the other processes that use this GPU"):
        RetryingEngine(factory, SETTINGS, context=lambda: 100)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed")
def test_a_compiled_model_whose_engine_did_not_start_is_let_go(tmp_path, monkeypatch):
    import torch

    from m1flow.engines.backends import vllm as backend

    if torch.cuda.is_available():
        pytest.skip("a GPU's cache isn't sized by memory_mb")
    arguments = backend.engine_arguments
    # As on a GPU, where models are compiled; on the CPU, none is.
    monkeypatch.setattr(backend, "engine_arguments", lambda *given: arguments(*given) | {"enforce_eager": False})
    monkeypatch.setattr(backend, "_compile_nothing", lambda: None)
    folder = build_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 8192}))
    before = {id(thing) for thing in gc.get_objects() if issubclass(type(thing), torch.nn.Module)}
    with pytest.raises(M1FlowError, match="larger than the available KV cache memory"):
        open_engine(folder, EngineSettings(name="vllm", memory_mb=1, batch_size=4))
    free_memory()
    left = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.nn.Module) and id(thing) not in before]
    assert not [type(thing).__name__ for thing in left if list(thing.parameters())]
