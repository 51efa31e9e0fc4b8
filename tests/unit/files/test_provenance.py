"""Provenance names what a table was made from and with."""

from __future__ import annotations

import re
import subprocess

import pandas as pd

from m1flow.files import provenance as module
from m1flow.files.fingerprints import fingerprint_path
from m1flow.files.provenance import provenance


def test_provenance_names_parameters_inputs_versions_and_commit(tmp_path):
    (tmp_path / "in").write_text("x")
    made = provenance({"seed": 3}, [tmp_path / "in"])
    assert made["parameters"] == {"seed": 3}
    assert made["inputs"] == {str(tmp_path / "in"): fingerprint_path(tmp_path / "in")}
    assert made["packages"]["pandas"] == pd.__version__
    assert re.fullmatch(r"([0-9a-f]{40})(-dirty)?|unknown", made["commit"])


def test_without_git_the_commit_is_unknown(monkeypatch):
    def absent(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", absent)
    assert module._git_commit.__wrapped__() == "unknown"
