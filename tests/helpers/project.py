"""A copy of the project in a folder of its own, and Snakemake run in it as a user would."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from copy import copy
from pathlib import Path

import yaml

from helpers import forked_snakemake

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"all", "pool", "traces", "datasets", "models", "sweeps", "report"}
"""Rules that only name what is to be made."""
PARTS = ("Snakefile", "rules", "workflow", "config", "profiles", "envs")


def heed_ctrl_c() -> None:
    """For `preexec_fn`: a test run in the background ignores SIGINT, and would pass that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Project:
    """A project folder; what is edited or made in it stays in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / part)

    def overlay(self, name: str, settings: dict) -> str:
        """Write a config file to lay over the default study; returns its name."""
        (self.folder / name).write_text(yaml.safe_dump(settings), encoding="utf-8")
        return name

    def copied_to(self, folder: Path) -> Project:
        """A copy in another folder, as `mv`, `cp -a` and `rsync -a` leave it: with the files' times."""
        other = copy(self)
        other.folder = folder
        shutil.copytree(self.folder, folder, symlinks=True)
        return other

    def snakemake(self, *arguments: str, check: bool = True, timeout: float = 1400) -> subprocess.CompletedProcess:
        """Run Snakemake on two cores; its output is both streams together."""
        done = self._run(["--cores", "2", *arguments], timeout)
        if check and done.returncode:
            raise AssertionError(f"snakemake {' '.join(arguments)} failed:\n{done.stdout[-6000:]}")
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """What a run would do: jobs by rule, without the named targets."""
        output = self.snakemake("--dry-run", *arguments).stdout
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total ", output, re.MULTILINE | re.DOTALL)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        rows = (line.split() for line in table[1].splitlines() if line.strip())
        return {name: int(count) for name, count in rows if name not in TARGETS}

    def ran(self, *arguments: str) -> dict[str, int]:
        """Run Snakemake and count the jobs that it ran, by rule, without the named targets."""
        finished = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", self.snakemake(*arguments).stdout, re.MULTILINE)
        return dict(Counter(name for name in finished if name not in TARGETS))

    def kill_when(self, ready, *arguments: str, timeout: float = 600) -> bool:
        """Start a run and kill -9 it with all its jobs once ``ready()``; False where it ended before."""
        with (self.folder / "killed.log").open("w") as log:
            process = subprocess.Popen(
                self._command(arguments),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
            deadline = time.monotonic() + timeout
            while process.poll() is None:
                if ready():
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    return True
                assert time.monotonic() < deadline, "the moment to kill never came"
                time.sleep(0.02)
        return False

    def during(self, ready, act, *arguments: str, before: tuple[str, ...] = (), timeout: float = 600):
        """Start a run, ``act(process)`` once ``ready(process)``, and wait for its end; fails where it ended before."""
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                [*before, *self._command(arguments)],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
                preexec_fn=heed_ctrl_c,
            )
            try:
                deadline = time.monotonic() + timeout
                while process.poll() is None and not ready(process):
                    assert time.monotonic() < deadline, "the moment to act never came"
                    time.sleep(0.02)
                ended = process.returncode is not None
                if not ended:
                    act(process)
                process.wait(timeout)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            log.seek(0)
            said = log.read()
        assert not ended, said
        return subprocess.CompletedProcess(process.args, process.returncode, said)

    def _run(self, arguments: list[str], timeout: float) -> subprocess.CompletedProcess:
        environment = self._environment()
        return forked_snakemake.run(arguments, folder=self.folder, environment=environment, timeout=timeout)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    @staticmethod
    def _environment() -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "PYTEST_", "SNAKEMAKE_"))
        }
        return kept | {"HF_HUB_OFFLINE": "1"}


def finished_demo(folder: Path) -> Project:
    """The demo, run to its end."""
    project = Project(folder)
    project.snakemake()
    return project


def finished_small(folder: Path) -> Project:
    """The small study, run to its end."""
    project = small_project(folder)
    project.snakemake("--configfile", "small.yaml")
    return project


def small_project(folder: Path) -> Project:
    """A project with the small study, nothing run yet."""
    project = Project(folder)
    (folder / "small.yaml").write_text((ROOT / "tests" / "small.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return project
