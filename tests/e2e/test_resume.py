"""Killed at a bad moment, a study goes on where it was: nothing is generated twice, and the tables are the same."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from helpers.faults import RESULTS, journal_keys
from helpers.project import Project

pytestmark = pytest.mark.e2e


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize(
    ("journal", "target"),
    [
        ("sweeps/student.jsonl", f"{RESULTS}/sweeps/student/in_domain.parquet"),
        ("traces/local.jsonl", f"{RESULTS}/traces/local.parquet"),
        ("attempts/second.jsonl", f"{RESULTS}/attempts/second.parquet"),
    ],
)
def test_a_stage_killed_in_the_middle_loses_and_repeats_nothing(small, fresh_small, journal, target):
    path = fresh_small.folder / RESULTS / "journals" / journal
    whole = lines(small.folder / RESULTS / "journals" / journal)
    killed = fresh_small.kill_when(lambda: 0 < lines(path) < whole, target, "--configfile", "small.yaml")
    assert killed, (fresh_small.folder / "killed.log").read_text()
    assert not (fresh_small.folder / target).exists()
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"key": "torn')  # as a machine that lost power leaves it
    fresh_small.snakemake("--unlock", "--configfile", "small.yaml")
    fresh_small.snakemake(target, "--configfile", "small.yaml")
    assert path.read_bytes().startswith(before)
    keys = journal_keys(fresh_small.folder)
    assert keys == Counter({key: 1 for key in keys})
    assert {key for key in keys if key[0] == path.name} == {
        key for key in journal_keys(small.folder) if key[0] == path.name
    }
    columns = pd.read_parquet(small.folder / target)
    pd.testing.assert_frame_equal(pd.read_parquet(fresh_small.folder / target), columns)


def test_a_finished_study_deleted_but_for_its_journals_generates_nothing(small, tmp_path):
    again = Project(tmp_path)
    (tmp_path / "small.yaml").write_text((small.folder / "small.yaml").read_text())
    shutil.copytree(small.folder / RESULTS / "journals", tmp_path / RESULTS / "journals")
    before = journal_keys(tmp_path)
    again.snakemake("--configfile", "small.yaml")
    assert journal_keys(tmp_path) == before
    for table in ("accuracy", "extensions", "funnel", "macro", "tokens"):
        name = RESULTS / "tables" / f"{table}.csv"
        assert (tmp_path / name).read_bytes() == (small.folder / name).read_bytes()
