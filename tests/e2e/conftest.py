"""Finished studies that end-to-end tests share; each of its files runs in one worker."""

from __future__ import annotations

import pytest

from helpers.project import Project, small_project


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Project:
    """The small study, run to its end; tests only look at it or plan in it."""
    project = small_project(tmp_path_factory.mktemp("small"))
    project.snakemake("--configfile", "small.yaml")
    return project


@pytest.fixture
def fresh_small(tmp_path) -> Project:
    """The small study, nothing run yet."""
    return small_project(tmp_path)
