"""Killed at twenty random moments, runs and their workers, a study comes to the same tables and repeats nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import psutil
import pytest

from helpers.faults import RESULTS, journal_keys, workers

KILLS = 20
MEASURED = ["seconds", "front_seconds"]
"""What a run measures of itself, and what follows from that."""
TO_THE_BYTE = {"accuracy", "extensions", "macro", "funnel", "tokens"}

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Run:
    """A study's run that is started again whenever it has ended."""

    def __init__(self, project):
        self.project = project
        self.process: subprocess.Popen | None = None

    def going(self) -> subprocess.Popen:
        if self.process is None or self.process.poll() is not None:
            assert self.process is None or self.process.returncode != 0, "the study ended before its last kill"
            # A killed run leaves its lock: --unlock would take it away, at the cost of a start of Snakemake.
            command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", "--configfile", "small.yaml"]
            self.process = subprocess.Popen(
                command,
                cwd=self.project.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self.project._environment(),
                start_new_session=True,
            )
        return self.process

    def until_a_job_runs(self) -> list[psutil.Process]:
        deadline = time.monotonic() + 600
        while not (found := workers(self.going())):
            assert time.monotonic() < deadline, "no job has run"
            time.sleep(0.05)
        return found

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@pytest.fixture
def run(fresh_small):
    run = Run(fresh_small)
    yield run
    run.end()


def benchmarks(project) -> list:
    """A file for each job that has come to its end, with the seconds that it took."""
    return list((project.folder / RESULTS / "logs").rglob("*.tsv"))


def test_killed_twenty_times_a_study_comes_to_the_same_tables(small, fresh_small, run):
    took = [float(pd.read_csv(path, sep="\t")["s"].iloc[0]) for path in benchmarks(small)]
    draw = random.Random(8)
    # Spread over the whole study by the jobs that have ended, whatever the machine's speed.
    moments = sorted(draw.randrange(len(took) - 1) for _ in range(KILLS))
    kinds = draw.sample(["run", "worker"] * (KILLS // 2), KILLS)
    for moment, kind in zip(moments, kinds, strict=True):
        while len(benchmarks(fresh_small)) < moment:
            run.going()
            time.sleep(0.05)
        run.until_a_job_runs()
        time.sleep(draw.uniform(0, sorted(took)[len(took) // 2]))
        found = run.until_a_job_runs()
        if kind == "run":
            run.kill()
        else:
            draw.choice(found).kill()
    if run.process.poll() is None:
        run.process.wait()
    fresh_small.snakemake("--unlock", "--configfile", "small.yaml")
    fresh_small.snakemake("--configfile", "small.yaml")
    assert fresh_small.planned("--configfile", "small.yaml") == {}
    keys = journal_keys(fresh_small.folder)
    assert keys == Counter({key: 1 for key in keys}) == journal_keys(small.folder)
    tables = {path.name for path in (small.folder / RESULTS / "tables").glob("*.csv")}
    assert tables == {path.name for path in (fresh_small.folder / RESULTS / "tables").glob("*.csv")}
    for name in tables:
        undisturbed, killed = (project.folder / RESULTS / "tables" / name for project in (small, fresh_small))
        if Path(name).stem in TO_THE_BYTE:
            assert undisturbed.read_bytes() == killed.read_bytes()
        else:  # log-probabilities depend in the eighth digit on what else is in a batch
            both = [pd.read_csv(path).drop(columns=MEASURED, errors="ignore") for path in (undisturbed, killed)]
            pd.testing.assert_frame_equal(*both)
