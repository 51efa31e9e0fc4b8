"""Killed at a bad moment, a study goes on where it was: nothing is generated twice, and the tables are the same."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from helpers.faults import RESULTS, journal_keys, lines
from helpers.project import small_project

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("journal", "outputs", "target"),
    [
        (
            "sweeps/student.jsonl",
            ("generations/student", "sweeps/student"),
            f"{RESULTS}/sweeps/student/in_domain.parquet",
        ),
        ("traces/local.jsonl", ("traces/local.parquet",), f"{RESULTS}/traces/local.parquet"),
        ("attempts/second.jsonl", ("attempts/second.parquet",), f"{RESULTS}/attempts/second.parquet"),
    ],
)
def test_a_stage_killed_in_the_middle_loses_and_repeats_nothing(finished, copied_small, journal, outputs, target):
    path = copied_small.folder / RESULTS / "journals" / journal
    whole = lines(path)
    for name in (f"journals/{journal}", *outputs):
        remove(copied_small.folder / RESULTS / name)
    killed = copied_small.kill_when(lambda: 0 < lines(path) < whole, target, "--configfile", "small.yaml")
    assert killed, (copied_small.folder / "killed.log").read_text()
    assert not (copied_small.folder / target).exists()
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"key": "torn')  # as a machine that lost power leaves it
    copied_small.snakemake("--unlock", "--configfile", "small.yaml")
    copied_small.snakemake(target, "--configfile", "small.yaml")
    assert path.read_bytes().startswith(before)
    keys = journal_keys(copied_small.folder)
    assert keys == Counter({key: 1 for key in keys}) == journal_keys(finished.folder)
    pd.testing.assert_frame_equal(*(pd.read_parquet(one.folder / target) for one in (copied_small, finished)))


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_study_deleted_but_for_its_journals_generates_nothing(finished, tmp_path):
    again = small_project(tmp_path)
    shutil.copytree(finished.folder / RESULTS / "journals", tmp_path / RESULTS / "journals")
    before = journal_keys(tmp_path)
    targets = [f"{RESULTS}/{name}.parquet" for name in ("attempts/second", "traces/local", "sweeps/student/in_domain")]
    again.snakemake("--configfile", "small.yaml", "--", *targets)
    assert journal_keys(tmp_path) == before
    for target in targets:
        pd.testing.assert_frame_equal(*(pd.read_parquet(folder / target) for folder in (tmp_path, finished.folder)))
