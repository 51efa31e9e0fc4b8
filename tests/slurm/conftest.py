"""A SLURM cluster for the tests of this folder; without one they are skipped, and the reason is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.cluster import CannotStart, Cluster

FASTPOLL = Path(__file__).parent / "fastpoll"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A cluster of two nodes; jobs are looked at every second."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="no snakemake-executor-plugin-slurm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(FASTPOLL))
        patch.setenv("M1FLOW_TEST_POLL_SECONDS", "1")
        try:
            started = Cluster(tmp_path_factory.mktemp("slurm") / "c").__enter__()
        except CannotStart as reason:
            pytest.skip(str(reason))
        try:
            yield started
        finally:
            started.__exit__()
