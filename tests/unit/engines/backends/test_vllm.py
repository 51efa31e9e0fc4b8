"""The backend vllm: prefixes are reused, engines live side by side, and a CPU needs no compiler."""

from __future__ import annotations

import pytest
import torch

from helpers.engine_models import build_model
from helpers.engine_requests import ENGINES, SETTINGS, generate, requests
from m1flow.engines.interface import Request
from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.study.settings.engine import EngineSettings

pytestmark = pytest.mark.slow


@pytest.mark.skipif("vllm" not in ENGINES, reason="vllm is not installed")
def test_vllm_reuses_a_warm_prefix(engines):
    engine, prompt = engines["vllm"], tuple(range(20, 120))
    generate(engine, [Request(prompt, 2, ())])
    before = engine.tally.cached_tokens
    generate(engine, [Request((*prompt, 9), 2, ())])
    assert engine.tally.cached_tokens - before == 96


@pytest.mark.skipif("vllm" not in ENGINES, reason="vllm is not installed")
def test_heads_that_vllm_can_not_do_are_refused_at_the_start(engines, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a limit of the CPU kernels")
    narrow = build_model(tmp_path, heads=4)
    with pytest.raises(M1FlowError, match="heads are 16 wide, but the CPU kernels support only 32, 64"):
        open_engine(narrow, EngineSettings(**SETTINGS, name="vllm"))
    assert generate(engines["vllm"], requests(2, max_tokens=3)) == generate(
        engines["transformers"], requests(2, max_tokens=3)
    )


@pytest.mark.skipif("vllm" not in ENGINES, reason="vllm is not installed")
def test_on_a_cpu_vllm_has_nothing_compiled(engines):
    """So that log-probabilities need no C++ compiler."""
    if torch.cuda.is_available():
        pytest.skip("what a CPU needs")
    ran = torch.compile(lambda x: x + 1, backend=lambda *_: pytest.fail("torch compiled"))(torch.ones(1))
    assert engines["vllm"] and ran == 2


@pytest.mark.skipif("vllm" not in ENGINES, reason="vllm is not installed")
def test_closing_one_vllm_engine_leaves_the_other(engines, folder):
    second = open_engine(folder, EngineSettings(**SETTINGS, name="vllm"))
    batch = requests(2, max_tokens=3)
    assert generate(second, batch) == generate(engines["vllm"], batch)
    second.close()
    second.close()
    assert generate(engines["vllm"], batch) == generate(engines["transformers"], batch)
