"""Finished studies that end-to-end tests share; each of its files runs in one worker."""

from __future__ import annotations

import pytest

from helpers.project import Project, finished_demo, finished_small
from helpers.shared import once


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """The small study, run to its end; tests only read it."""
    return once(tmp_path_factory, "finished_small", finished_small)


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Project:
    """The demo, run to its end; tests only read it."""
    return once(tmp_path_factory, "finished_demo", finished_demo)


@pytest.fixture(scope="module")
def small(finished, tmp_path_factory) -> Project:
    """A copy of the finished small study: tests plan in it, and leave it as it was."""
    return finished.copied_to(tmp_path_factory.mktemp("small") / "project")


@pytest.fixture
def copied_small(finished, tmp_path) -> Project:
    """A copy of the finished small study, to be changed."""
    return finished.copied_to(tmp_path / "project")
