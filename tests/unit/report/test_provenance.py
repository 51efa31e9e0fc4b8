"""Provenance on the page: which settings differ from what ships, and where downloads came from."""

from __future__ import annotations

from m1flow.files.json import write_json
from m1flow.files.provenance import MANIFEST
from m1flow.report import provenance


def test_origins_name_the_commit_that_was_downloaded(tmp_path):
    write_json(tmp_path / "sources" / "medqa" / MANIFEST, {"commit": "c0ffee"})
    config = {
        "sources": {"medqa": {"hub": "a/b", "revision": "main", "path": "x"}, "own": {"path": ["a.csv", "b.csv"]}},
        "benchmarks": {"made": {"adapter": "formulary"}, "pinned": {"hub": "a/c", "revision": "v1"}},
        "teachers": {"asked": {"kind": "model", "endpoint": "far"}},
        "bases": {"tiny": {"architecture": {"layers": 2}}},
    }
    rows = provenance.origins(config, tmp_path)
    assert dict(zip(rows["name"], rows["revision"], strict=True)) == {
        **{"medqa": "c0ffee", "own": "–", "made": "–"},
        **{"pinned": "v1", "asked": "–", "tiny": "–"},
    }
    assert rows["from"].tolist() == [
        *("hub: a/b", "file: a.csv, b.csv", "made here: formulary"),
        *("hub: a/c", "asked: endpoint far", "trained here from random weights"),
    ]
