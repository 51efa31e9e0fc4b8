"""What unit tests share: a hub on loopback, downloads from it, and a made-up study with its report."""

from __future__ import annotations

from functools import partial

import pytest

from helpers.hub_sets import ROWS, SET
from helpers.loopback_hub import serve
from helpers.made_report import make_report
from helpers.shared import once
from m1flow.hub.download import download
from m1flow.hub.lock import Lock
from m1flow.study.settings.downloads import DownloadSettings
from m1flow.study.settings.problems import read


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one set, for the real client."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serve() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        hub.commit(SET, {"train.jsonl": ROWS, "test.jsonl": ROWS[:500], "loader.py": "raise SystemExit"})
        yield hub


@pytest.fixture
def fetch(tmp_path, hub):
    """A function that downloads from the hub, by default its set; returns the manifest."""

    def fetch(kind="dataset", out="out", **spec):
        lock = Lock(tmp_path / "study.lock.json")
        spec = {"hub": "owner/set"} | spec
        return download(
            read(DownloadSettings, spec), kind, "config: sources.s", lock, tmp_path / out, attempts=3, first_wait=0.01
        )

    return fetch


@pytest.fixture(scope="session")
def report_study(tmp_path_factory):
    """A study with its tables, page and figures, which no test changes."""
    return once(tmp_path_factory, "report_study", partial(make_report, questions=30))
