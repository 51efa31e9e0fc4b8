"""A skip that nobody has listed fails a run that allows listed ones alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from helpers.project import ROOT


@pytest.mark.parametrize(
    ("reason", "skips", "code"),
    [
        ("no GPU is to be seen", "listed", 0),
        ("no chromium", "listed", 1),
        ("no chromium", "any", 0),
    ],
)
def test_unknown_skips_fail_a_run_that_allows_known_ones(tmp_path, reason, skips, code):
    (tmp_path / "test_one.py").write_text(f"import pytest\ndef test_one():\n    pytest.skip({reason!r})\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "helpers.skips", "--skips", skips, "--rootdir", tmp_path]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", tmp_path], cwd=ROOT / "tests", capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout
    assert (f"doesn't list: {reason}" in done.stdout) == bool(code)
