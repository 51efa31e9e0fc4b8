"""Downloads: the real client against a hub on loopback, which serves, fails and changes its mind."""

from __future__ import annotations

import hashlib

import pytest

from helpers.hub_sets import ROWS, SET, names, refused
from m1flow.files.json import read_json
from m1flow.files.provenance import MANIFEST


def test_a_split_is_fetched_locked_and_described(hub, fetch, tmp_path):
    commit = next(iter(hub.repositories[SET]))
    manifest = fetch(split="train")
    assert (tmp_path / "out" / "train.jsonl").read_text() == ROWS
    assert names(tmp_path / "out") == ["train.jsonl"]
    assert manifest == read_json(tmp_path / "out" / MANIFEST)
    assert manifest["commit"] == commit
    checksum = f"sha256:{hashlib.sha256(ROWS.encode()).hexdigest()}"
    assert manifest["files"] == {"train.jsonl": {"size": len(ROWS), "checksum": checksum}}
    assert read_json(tmp_path / "study.lock.json") == {SET: commit}


def test_the_lock_holds_when_main_moves(hub, fetch, tmp_path):
    first = fetch()["commit"]
    hub.commit(SET, {"train.jsonl": "moved"})
    assert fetch(out="again")["commit"] == first
    assert (tmp_path / "again" / "train.jsonl").read_text() == ROWS


def test_a_second_fetch_takes_the_file_from_the_cache(hub, fetch):
    fetch()
    hub.requests.clear()
    fetch(out="again")
    assert not any("resolve" in path for _, path, _, _ in hub.requests)


def test_a_tag_is_locked_under_its_name(hub, fetch, tmp_path):
    first = next(iter(hub.repositories[SET]))
    hub.tags[SET, "v1"] = first
    second = hub.commit(SET, {"train.jsonl": "moved"})
    assert fetch(revision="v1")["commit"] == first
    hub.tags[SET, "v1"] = second
    assert fetch(revision="v1", out="again")["commit"] == first
    assert read_json(tmp_path / "study.lock.json") == {f"{SET}@v1": first}


def test_a_commit_in_the_config_needs_no_lock(hub, fetch, tmp_path):
    first = next(iter(hub.repositories[SET]))
    hub.commit(SET, {"train.jsonl": "moved"})
    assert fetch(revision=first)["commit"] == first
    assert not (tmp_path / "study.lock.json").exists()


@pytest.mark.parametrize("named", ["commit", "tag"])
def test_drift_names_both_commits(hub, fetch, tmp_path, named):
    first = fetch()["commit"]
    second = hub.commit(SET, {"train.jsonl": "moved"})
    hub.tags[SET, "v2"] = second
    message = refused(fetch, revision=second if named == "commit" else "v2")
    assert message.startswith("config: sources.s.revision: ")
    assert first in message and second in message and "study.lock.json" in message


def test_a_locked_commit_that_is_gone_is_named_beside_the_present_one(hub, fetch, tmp_path):
    first = fetch()["commit"]
    del hub.repositories[SET][first]
    second = hub.commit(SET, {"train.jsonl": "rewritten"})
    message = refused(fetch, out="again")
    assert message.startswith(f"{tmp_path}/study.lock.json: ")
    assert first in message and second in message


def test_a_published_checksum_is_checked(fetch):
    fetch(checksum=f"md5:{hashlib.md5(ROWS.encode()).hexdigest()}")
    message = refused(fetch, checksum=f"md5:{'0' * 32}", out="again")
    assert message.startswith("config: sources.s.checksum: ")
