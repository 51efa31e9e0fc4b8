"""The journal file loses nothing but a torn line."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from m1flow.errors import M1FlowError
from m1flow.files.journal import Journal

LIBRARY = Path(__file__).parents[3] / "workflow" / "scripts"
WRITER = """
import sys
from m1flow.files.journal import Journal
path, name, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with Journal(path) as journal:
    for index in range(count):
        journal.append(f"{name}{index}", {"index": index, "filler": name * size})
        print(index, flush=True)
"""


def start_writer(path, name, count, size=20) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(count), str(size)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journals" / "j.jsonl"


def test_records_come_back_after_reopening(path):
    with Journal(path) as journal:
        journal.append("a", {"text": "ä\n\u2028\ud800", "n": [1, 2.5, None]})
        journal.append("b", 1)
        journal.append("b", 2)
        assert journal.get("b") == 2 and "a" in journal and "c" not in journal and journal.get("c") is None
    with Journal(path) as journal:
        assert journal.get("a") == {"text": "ä\n\u2028\ud800", "n": [1, 2.5, None]}
        assert (journal.get("b"), len(journal), journal.keys(), journal.skipped) == (2, 2, ["a", "b"], 0)


@hypothesis_settings(max_examples=60)
@given(data=st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "j"
    records = data.draw(st.lists(st.text(max_size=20), min_size=1, max_size=5))
    ends = []
    with Journal(path) as journal:
        for index, record in enumerate(records):
            journal.append(str(index), record)
            ends.append(path.stat().st_size)
    cut = data.draw(st.integers(0, ends[-1]))
    with path.open("r+b") as file:
        file.truncate(cut)
    for _ in range(2):  # opening mends the end of the file; opening again finds the same
        with Journal(path) as journal:
            kept = [index for index, end in enumerate(ends) if end - 1 <= cut]  # the last newline may be missing
            assert journal.keys() == [str(index) for index in kept]
            assert all(journal.get(str(index)) == records[index] for index in kept)
            assert journal.skipped == (cut > 0 and cut not in ends and cut + 1 not in ends)
    with Journal(path) as journal:
        journal.append("new", "after")
    with Journal(path) as journal:
        assert journal.get("new") == "after" and len(journal) == len(kept) + 1


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 50, b"not json", b"\xff\xfe\n\x80", b'{"key":"a","record":1,"check":"00000000"}', b"{}"]
)
def test_garbage_in_the_middle_is_counted(path, garbage):
    with Journal(path) as journal:
        journal.append("a", 0)
    with path.open("ab") as file:
        file.write(garbage + b"\n")
    with Journal(path) as journal:
        journal.append("b", 1)
    with Journal(path) as journal:
        assert journal.skipped == garbage.count(b"\n") + 1
        assert (journal.get("a"), journal.get("b"), len(journal)) == (0, 1, 2)


def test_a_flipped_bit_hides_only_its_own_line(path):
    with Journal(path) as journal:
        for index in range(3):
            journal.append(str(index), "x" * 50)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with Journal(path) as journal:
        assert (journal.keys(), journal.skipped) == (["0", "2"], 1)


def test_a_torn_line_of_another_process_is_ended_before_the_next_record(path):
    with Journal(path) as journal:
        journal.append("a", 0)
        with path.open("ab") as file:
            file.write(b'{"key":"torn","reco')
        assert "torn" not in journal
        journal.append("b", 1)
        assert (journal.get("b"), journal.skipped) == (1, 1)


def test_records_of_another_process_are_seen(path):
    with Journal(path) as mine, Journal(path) as theirs:
        assert "x" not in mine
        theirs.append("x", 1)
        assert "x" in mine and mine.get("x") == 1
        theirs.append("x", 2)
        assert mine.get("x") == 2


def test_kill_during_append_loses_at_most_the_line_in_flight(path):
    generator = random.Random(0)
    expected = 0
    for attempt in range(3):
        writer = start_writer(path, f"w{attempt}-", 1_000_000, size=5000)
        said = [int(writer.stdout.readline()) for _ in range(20)]
        time.sleep(generator.random() * 0.05)
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        writer.stdout.close()
        with Journal(path) as journal:
            acknowledged = said[-1] + 1
            written = len(journal) - expected
            assert acknowledged <= written <= acknowledged + 1
            assert all(journal.get(f"w{attempt}-{index}")["index"] == index for index in range(written))
            assert journal.skipped <= attempt + 1
            expected += written


def test_two_processes_append_at_once(path):
    writers = [start_writer(path, name, 300, size=2000) for name in ("one", "two")]
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0]
    with Journal(path) as journal:
        assert (len(journal), journal.skipped) == (600, 0)
        for name in ("one", "two"):
            assert all(journal.get(f"{name}{i}") == {"index": i, "filler": name * 2000} for i in range(300))


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb", "ä"])
def test_keys_that_would_need_escaping_are_refused(path, key):
    with Journal(path) as journal, pytest.raises(ValueError, match="journal key"):
        journal.append(key, 1)


def test_a_path_that_can_not_be_opened_is_named(tmp_path):
    with pytest.raises(M1FlowError, match="the journal can't be opened"):
        Journal(tmp_path)
