"""The audit of pinned packages: what is found is named, and what wasn't looked up is no clean bill."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ENVS = Path(__file__).parents[3] / "envs"
_spec = importlib.util.spec_from_file_location("audit", ENVS / "audit.py")
audit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(audit)

CLEAN = {"name": "a", "version": "1", "vulns": []}
FOUND = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1", "3"]}]}
OPEN = {"name": "c", "version": "2", "vulns": [{"id": "CVE-2", "fix_versions": []}]}
SKIPPED = {"name": "d", "skip_reason": "Dependency not found on PyPI and could not be audited: d (1)"}


@pytest.mark.parametrize(
    ("packages", "problem"),
    [
        ([CLEAN], ""),
        ([CLEAN, FOUND], "vulnerable packages"),
        ([CLEAN, SKIPPED], "pypi: doesn't know d"),
        ([SKIPPED, SKIPPED], "pypi: has no answer for any of 1 packages"),
        ([], "pypi: has no answer for any of 0 packages"),
    ],
)
def test_only_packages_that_were_looked_up_are_clean(packages, problem):
    said = audit.verdict(packages, "pypi")[1]
    assert said.startswith(problem) and bool(said) == bool(problem)


def test_each_vulnerability_is_a_line():
    lines, _ = audit.verdict([OPEN, FOUND, CLEAN, FOUND], "pypi")
    assert lines == [
        "b 2: CVE-1, fixed in 2.1, 3",
        "c 2: CVE-2, fixed in no version",
        "3 packages looked up, 2 with vulnerabilities",
    ]


def test_what_audits_is_pinned_and_audited_itself():
    for lock in audit.LOCKS:
        lines = re.findall(r"^[^\s#].*", lock.read_text(), re.MULTILINE)
        pins = [line.rstrip("\\ ").split(" ;")[0] for line in lines]
        assert pins and all(re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+]+", pin) for pin in pins)
