"""Jobs under `--use-conda` run in their environment, whatever is active or installed for the user.

No current conda is at hand where the tests run. A stub does what conda 26.7 was seen to do: where an environment is
active, activating another one puts that into its place on PATH; else it comes first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from helpers.project import Project

TARGET = "results/demo/questions/wards.parquet"
LOG = "results/demo/logs/collect_source/wards.log"
CONDA = """#!/usr/bin/env bash
set -eu
case "$1" in
  info) echo '{{"conda_prefix": "{root}", "platform": "linux-64"}}' ;;
  --version) echo "conda 26.7.0" ;;
  clean) ;;
  config) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
  env)
    prefix="${{@: -1}}"
    mkdir -p "$prefix/bin"
    ln -s {venv}/lib "$prefix/lib"
    ln -s {venv}/lib "$prefix/lib64"
    cp {venv}/pyvenv.cfg "$prefix"
    ln -s {venv}/bin/python "$prefix/bin/python"
    ;;
  *) echo "stub: conda $*?" >&2; exit 2 ;;
esac
"""
ACTIVATE = """
if [ "${CONDA_SHLVL:-0}" -ge 1 ]; then
  PATH="${PATH/"$CONDA_PREFIX/bin"/"$1/bin"}"
else
  PATH="$1/bin:$PATH"
fi
export PATH CONDA_PREFIX="$1" CONDA_SHLVL=1
"""


@pytest.fixture(scope="module")
def conda(tmp_path_factory) -> Path:
    """An installation of the stub."""
    root = tmp_path_factory.mktemp("conda")
    (root / "bin").mkdir()
    program = root / "bin" / "conda"
    program.write_text(CONDA.format(root=root, venv=sys.prefix), encoding="utf-8")
    program.chmod(0o755)
    (root / "bin" / "activate").write_text(ACTIVATE, encoding="utf-8")
    return root


@pytest.fixture
def project(tmp_path) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def active(conda: Path) -> dict[str, str]:
    """What conda's base, active, leaves in a shell."""
    path = os.pathsep.join([str(conda / "bin"), os.environ["PATH"]])
    return {"PATH": path, "CONDA_SHLVL": "1", "CONDA_PREFIX": str(conda)}


def inactive(conda: Path) -> dict[str, str]:
    """A shell that knows conda, with no environment active."""
    return {"PATH": os.pathsep.join([os.environ["PATH"], str(conda / "bin")])}


@pytest.mark.slow
@pytest.mark.parametrize("shell", [active, inactive])
def test_jobs_run_in_their_environment(project, conda, monkeypatch, shell):
    for name, value in shell(conda).items():
        monkeypatch.setenv(name, value)
    project.snakemake("--use-conda", "--", TARGET)
    (environment,) = (path for path in (project.folder / ".snakemake" / "conda").iterdir() if path.is_dir())
    log = (project.folder / LOG).read_text(encoding="utf-8")
    assert f" in {environment}\n" in log


@pytest.mark.slow
def test_packages_of_the_user_stay_out_of_environments_alone(project, conda, monkeypatch):
    for name, value in inactive(conda).items():
        monkeypatch.setenv(name, value)
    rules = project.folder / "rules" / "questions.smk"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace('"python {input.script:q}', '"env > {log}.env; python {input.script:q}', 1))
    for arguments, isolated in (("--use-conda",), True), ((), False):
        project.snakemake(*arguments, "--force", "--", TARGET)
        assert ("PYTHONNOUSERSITE=1" in (project.folder / f"{LOG}.env").read_text().splitlines()) is isolated
