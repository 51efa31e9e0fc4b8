"""Batches: how many rows decode together changes nothing that is generated."""

from __future__ import annotations

import pytest

from helpers.engine_requests import generate, requests
from m1flow.engines.interface import Sampling
from m1flow.engines.opening import open_engine
from m1flow.study.settings.engine import EngineSettings


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.8, 0.9, 7)], ids=["greedy", "top-p"])
@pytest.mark.parametrize("memory_mb, batch_size", [(1, 256), (64, 3)])
def test_transformers_batches_follow_memory_and_size(folder, memory_mb, batch_size, sampling):
    batch = requests(12, max_tokens=30, sampling=sampling)
    roomy = open_engine(folder, EngineSettings(name="transformers"))
    tight = open_engine(folder, EngineSettings(name="transformers", memory_mb=memory_mb, batch_size=batch_size))
    assert generate(tight, batch) == generate(roomy, batch)
