"""What tests of faults share: where results are, what journals hold, and which processes work."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import psutil

from helpers.project import Project

RESULTS = Path("results") / "small"


def journal_keys(folder: Path) -> Counter:
    keys: Counter = Counter()
    for file in sorted((folder / RESULTS / "journals").rglob("*.jsonl")):
        for line in file.read_bytes().split(b"\n"):
            if line.startswith(b"{") and line.endswith(b"}"):
                keys[file.name, json.loads(line)["key"]] += 1
    return keys


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


KEPT = ("questions", "benchmarks", "corpora", "models/tiny", "pool.parquet", "pool_removed.parquet", "pool.report.json")


def back_to_the_base(project: Project) -> None:
    """Of a finished study remove everything from the solvers on, journals and logs as well."""
    results = project.folder / RESULTS
    for path in [*results.glob("*"), *results.glob("models/*")]:
        name = path.relative_to(results).as_posix()
        if not any(kept == name or kept.startswith(f"{name}/") for kept in KEPT):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def workers(process: subprocess.Popen) -> list[psutil.Process]:
    """The scripts that a run has under way."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.Error:
            continue
        if command and command[0].endswith("python") and any("workflow/scripts/" in part for part in command[1:3]):
            found.append(child)
    return found
