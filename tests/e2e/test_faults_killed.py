"""Killed at ten random moments, runs and their workers, a study comes to the same tables and repeats nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import psutil
import pytest

from helpers.faults import RESULTS, back_to_the_base, journal_keys, workers

KILLS = 10
MEASURED = ["seconds", "front_seconds"]
"""What a run measures of itself, and what follows from that."""
TO_THE_BYTE = ("accuracy", "extensions", "macro", "funnel", "tokens")
TABLES = (*TO_THE_BYTE, "comparisons", "calibration", "costs")
STUDY = ("--configfile", "small.yaml", "--", *(f"{RESULTS}/tables/{name}.csv" for name in TABLES))

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
            command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", *STUDY]
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
def run(copied_small):
    """Runs of the study from its solvers on."""
    back_to_the_base(copied_small)
    run = Run(copied_small)
    yield run
    run.end()


def benchmarks(project) -> list:
    """A file for each job that has come to its end, with the seconds that it took."""
    return list((project.folder / RESULTS / "logs").rglob("*.tsv"))


def test_killed_ten_times_a_study_comes_to_the_same_tables(finished, copied_small, run):
    planned = sum(copied_small.planned(*STUDY).values())
    took = [float(pd.read_csv(path, sep="\t")["s"].iloc[0]) for path in benchmarks(finished)]
    draw = random.Random(8)
    # Spread over the whole study by the jobs that have ended, whatever the machine's speed.
    moments = sorted(draw.randrange(planned - 1) for _ in range(KILLS))
    kinds = draw.sample(["run", "worker"] * (KILLS // 2), KILLS)
    for moment, kind in zip(moments, kinds, strict=True):
        while len(benchmarks(copied_small)) < moment:
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
    copied_small.snakemake("--unlock", *STUDY)
    copied_small.snakemake(*STUDY)
    assert copied_small.planned(*STUDY) == {}
    keys = journal_keys(copied_small.folder)
    assert keys == Counter({key: 1 for key in keys}) == journal_keys(finished.folder)
    for name in TABLES:
        undisturbed, killed = (project.folder / f"{RESULTS}/tables/{name}.csv" for project in (finished, copied_small))
        if name in TO_THE_BYTE:
            assert undisturbed.read_bytes() == killed.read_bytes()
        else:  # log-probabilities depend in the eighth digit on what else is in a batch
            both = [pd.read_csv(path).drop(columns=MEASURED, errors="ignore") for path in (undisturbed, killed)]
            pd.testing.assert_frame_equal(*both)
