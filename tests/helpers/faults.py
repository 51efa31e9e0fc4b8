"""What tests of faults share: where results are, what journals hold, and which processes work."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from copy import copy
from pathlib import Path

import psutil

RESULTS = Path("results") / "small"


def journal_keys(folder: Path) -> Counter:
    keys: Counter = Counter()
    for file in sorted((folder / RESULTS / "journals").rglob("*.jsonl")):
        for line in file.read_bytes().split(b"\n"):
            if line.startswith(b"{") and line.endswith(b"}"):
                keys[file.name, json.loads(line)["key"]] += 1
    return keys


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


def copied(project, folder: Path):
    other = copy(project)
    other.folder = folder
    shutil.copytree(project.folder, folder, symlinks=True)
    return other
