"""Scripts: a problem that a user can cure is one line at the log's end, and a mistake of ours is not hidden."""

from __future__ import annotations

import argparse
import errno
import json
import os
import subprocess
import sys

import pytest

from helpers.project import ROOT
from m1flow.script import json_argument, named_settings_argument, prefer_this_python, settings_argument
from m1flow.study.settings.solvers import SolverSettings

SCRIPTS = ROOT / "workflow" / "scripts"


def run(body: str) -> subprocess.CompletedProcess:
    """A script whose ``main`` has this body."""
    code = f"import atexit\nfrom m1flow import errors, script\ndef main():\n    {body}\nscript.run(main)"
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise errors.M1FlowError('a.yaml: seed: wrong; mend it')", "error: a.yaml: seed: wrong; mend it"),
        (f"raise OSError({errno.ENOSPC}, 'x', 'out/t')", "error: out/t: No space left on device; free some space "),
        ("open('no/such/file')", "error: no/such/file: No such file or directory; "),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
def test_a_problem_that_can_be_cured_is_the_last_line(body, line):
    done = run(body)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(line)


def test_nothing_comes_after_the_last_line():
    goodbye = "atexit.register(print, 'a library says goodbye', file=__import__('sys').stderr)"
    done = run(f"{goodbye}; raise KeyboardInterrupt")
    assert done.stderr.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize("body", ["raise ValueError('ours')", "raise OSError('names no file')"])
def test_a_mistake_of_ours_keeps_its_traceback(body):
    done = run(body)
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_script_that_ends_well_says_that_it_started():
    done = run("pass")
    assert done.returncode == 0 and done.stderr.rstrip().endswith(f" in {sys.prefix}") and done.stdout == ""


def test_flags_are_json_and_settings_are_checked():
    assert json_argument('{"a": [1, null]}') == {"a": [1, None]}
    assert settings_argument(SolverSettings)('{"weights": "w"}').weights == "w"
    several = named_settings_argument(SolverSettings)(json.dumps({"s": {"weights": "w"}, "t": {"endpoint": "e"}}))
    assert (several["s"].weights, several["t"].endpoint) == ("w", "e")


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (json_argument, "{", "not JSON: "),
        (settings_argument(SolverSettings), '{"weight": "w"}', "weight: unknown key; did you mean 'weights'?"),
        (named_settings_argument(SolverSettings), '{"s": {"attempts": 0}}', "attempts: must be at least 1, not 0"),
    ],
)
def test_a_flag_that_can_not_be_read_is_named(parse, text, words):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse(text)
    assert str(caught.value).startswith(words)


def test_rules_run_the_python_that_runs_snakemake(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    for name in ("CONDA_SHLVL", "CONDA_PREFIX"):
        monkeypatch.setenv(name, "1")
    prefer_this_python()
    assert not {"CONDA_SHLVL", "CONDA_PREFIX"} & os.environ.keys(), "conda would put its environment behind ours"
    assert os.environ["PATH"] == f"{os.path.dirname(sys.executable)}{os.pathsep}/usr/bin"
