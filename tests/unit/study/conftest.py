"""What the tests of studies share: the demo's config, read in the project's folder."""

from __future__ import annotations

import pytest
import yaml

from helpers.project import ROOT
from helpers.study_configs import DEMO


@pytest.fixture
def config(monkeypatch) -> dict:
    """The demo's config, to be changed at will."""
    monkeypatch.chdir(ROOT)
    return yaml.safe_load(DEMO.read_text(encoding="utf-8"))
