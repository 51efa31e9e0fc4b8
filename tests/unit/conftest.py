"""What unit tests share: a hub on loopback, and downloads from it."""

from __future__ import annotations

import pytest
from hub_sets import ROWS, SET
from loopback_hub import serve

from m1flow.hub import download
from m1flow.hub_lock import Lock


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
        return download(spec, kind, "config: sources.s", lock, tmp_path / out, attempts=3, first_wait=0.01)

    return fetch
