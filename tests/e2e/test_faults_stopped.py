"""Ctrl-C, a stage that hangs, two runs at once, a clock that jumps: a study stops cleanly, says why, and goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter

import pandas as pd
import psutil
import pytest

from helpers.faults import RESULTS, journal_keys, workers

TARGET = str(RESULTS / "sweeps" / "student" / "in_domain.parquet")
JOURNAL = RESULTS / "journals" / "sweeps" / "student.jsonl"
ARGUMENTS = ("--configfile", "small.yaml", "--", TARGET)
SAYS_HOW_TO_GO_ON = "To continue, run the same command again"

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def unswept(copied_small):
    """The finished study, but for its student's sweep, of which one answer is in the journal."""
    project = copied_small
    for folder in ("sweeps", "generations"):
        shutil.rmtree(project.folder / RESULTS / folder / "student")
    journal = project.folder / JOURNAL
    journal.write_bytes(journal.read_bytes().split(b"\n")[0] + b"\n")
    return project


def some_answers(project):
    """A condition: answers have come to the journal."""
    path = project.folder / JOURNAL
    begun = path.stat().st_size
    return lambda _: path.stat().st_size > begun


def alive(worker: psutil.Process) -> bool:
    """Whether a process still runs; one that nobody has waited for yet doesn't."""
    return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE


def assert_whole(project, finished):
    pd.testing.assert_frame_equal(*(pd.read_parquet(one.folder / TARGET) for one in (project, finished)))
    keys = journal_keys(project.folder)
    assert keys == Counter({key: 1 for key in keys}) == journal_keys(finished.folder)


def test_ctrl_c_once_stops_cleanly_and_says_how_to_go_on(finished, unswept):
    started = []

    def ctrl_c(process):
        started.extend(workers(process))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does

    done = unswept.during(some_answers(unswept), ctrl_c, *ARGUMENTS)
    assert done.returncode != 0
    assert SAYS_HOW_TO_GO_ON in done.stdout and "Traceback" not in done.stdout, done.stdout
    assert started and not any(map(alive, started))
    assert not (unswept.folder / TARGET).exists()
    unswept.snakemake(*ARGUMENTS)  # no --unlock
    assert_whole(unswept, finished)


def test_a_hanging_stage_meets_the_time_limit(finished, unswept):
    """``timeout`` around a run is its limit: it ends jobs that hang as well, and nothing is left behind."""
    started = []

    def hang(process):
        started.extend(workers(process))
        for worker in started:
            worker.suspend()
        process.send_signal(signal.SIGALRM)  # as its clock does when the time has come

    limit = ("timeout", "--kill-after=60", "900")
    done = unswept.during(some_answers(unswept), hang, *ARGUMENTS, before=limit)
    assert done.returncode == 124
    assert SAYS_HOW_TO_GO_ON in done.stdout, done.stdout
    assert started and not any(map(alive, started))
    unswept.snakemake(*ARGUMENTS)
    assert_whole(unswept, finished)


def test_a_second_run_is_told_of_the_first_and_harms_nothing(finished, unswept):
    second = []

    def run_another(process):
        held = workers(process)
        for worker in held:
            worker.suspend()  # the first doesn't end before the second has begun
        second.append(unswept.snakemake(*ARGUMENTS, check=False))
        for worker in held:
            worker.resume()

    first = unswept.during(workers, run_another, *ARGUMENTS)
    assert second[0].returncode == 1 and "cannot be locked" in second[0].stdout, second[0].stdout
    assert "--unlock" in second[0].stdout and "Traceback" not in second[0].stdout
    assert first.returncode == 0, first.stdout
    assert_whole(unswept, finished)


def test_files_dated_in_the_future_are_named_before_any_work(copied_small):
    ahead = time.time() + 86400
    stamp = copied_small.folder / RESULTS / "models" / "student" / ".snakemake_timestamp"
    os.utime(stamp, (ahead, ahead))
    done = copied_small.snakemake("--configfile", "small.yaml", check=False)
    assert done.returncode == 1 and "Finished" not in done.stdout, done.stdout
    assert f"{RESULTS}/models/student: dated in the future" in done.stdout and "Traceback" not in done.stdout
    os.utime(stamp)  # as the command that it says does
    copied_small.snakemake("--touch", "--configfile", "small.yaml")
    assert copied_small.planned("--configfile", "small.yaml") == {}


def test_a_clock_that_was_behind_makes_nothing_new_of_what_is_the_same(copied_small):
    for path in (copied_small.folder / RESULTS).rglob("*.parquet"):
        os.utime(path, (0, 0))
    plan = copied_small.planned("--configfile", "small.yaml")
    assert "attempt" not in plan and "teach" not in plan and "generate" not in plan, plan
