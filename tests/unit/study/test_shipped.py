"""Files that ship with the project, seen from other folders."""

from __future__ import annotations

import pytest

from m1flow.study.shipped import DEFAULT_STUDY, PROJECT, found, shipped

IDS = "config/ids/pubmedqa_m1_train.txt"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_project_has_its_snakefile_and_its_default_study():
    assert (PROJECT / "Snakefile").is_file() and (PROJECT / DEFAULT_STUDY).is_file()


def test_paths_are_relative_in_the_project(monkeypatch):
    monkeypatch.chdir(PROJECT)
    assert shipped(IDS) == found(IDS) == IDS
    monkeypatch.chdir(PROJECT.parent)
    assert shipped(IDS) == found(IDS) == f"{PROJECT.name}/{IDS}"


def test_a_file_that_only_the_project_has_is_found_there(elsewhere):
    assert shipped(IDS) == found(IDS) == str(PROJECT / IDS)


def test_a_file_of_the_working_directory_counts_first(elsewhere):
    own = elsewhere / IDS
    own.parent.mkdir(parents=True)
    own.write_text("1\n")
    assert found(IDS) == IDS and found(str(own)) == str(own)
    assert shipped(IDS) == str(PROJECT / IDS)


def test_a_file_that_nobody_has_stays_as_it_is_written(elsewhere):
    assert found("config/none.txt") == "config/none.txt"
