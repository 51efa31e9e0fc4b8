"""The lock of a study's commits: whoever is first decides, and nothing else is let in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from helpers.hub_sets import refused
from m1flow.files.json import read_json
from m1flow.hub.lock import Lock


def test_a_broken_lock_is_named(fetch, tmp_path):
    (tmp_path / "study.lock.json").write_text('{"datasets/owner/set": "main"}')
    assert "study.lock.json: not a lock" in refused(fetch)


def test_several_jobs_lock_the_same_commit(tmp_path):
    lock = tmp_path / "study.lock.json"
    commits = [f"{n:040x}" for n in range(16)]
    with ThreadPoolExecutor(8) as jobs:
        shared = set(jobs.map(lambda commit: Lock(lock).keep("datasets/a/b", commit), commits))
        list(jobs.map(lambda commit: Lock(lock).keep(f"datasets/a/{commit}", commit), commits))
    assert len(shared) == 1
    assert len(read_json(lock)) == 17
