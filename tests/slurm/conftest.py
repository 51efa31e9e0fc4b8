"""A SLURM cluster for the tests of this folder; without one they are skipped, and the reason is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.cluster import CannotStart, Cluster

from helpers.project import Project, finished_small
from helpers.shared import once

FASTPOLL = Path(__file__).parent / "fastpoll"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """The small study, run to its end on this machine; tests only read it."""
    return once(tmp_path_factory, "finished_small", finished_small)


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
