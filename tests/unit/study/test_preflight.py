"""What is found before any work: no room, no permission, a wrong clock; and damage that no parser sees."""

from __future__ import annotations

import os
import time
from collections import namedtuple

import pytest

from m1flow.errors import M1FlowError
from m1flow.files.parquet import iterate_table, read_table, write_rows, write_table
from m1flow.study import preflight
from m1flow.study.preflight import check_disk, check_times

DISK = namedtuple("DISK", "f_bavail f_frsize")


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path, monkeypatch):
    check_disk(tmp_path / "results" / "study")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(M1FlowError, match="results/study: can't be written to; .*, then rerun"):
        check_disk(tmp_path / "results" / "study")


def test_a_disk_without_room(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight.os, "statvfs", lambda path: DISK(3 << 8, 4096))
    with pytest.raises(M1FlowError, match="3 MB are free on this disk, but 32 MB are needed"):
        check_disk(tmp_path)


@pytest.mark.parametrize(("ahead", "refused"), [(86400, True), (60, False), (-86400, False)])
def test_dates_in_the_future(tmp_path, ahead, refused):
    folder, file = tmp_path / "model", tmp_path / "table"
    folder.mkdir()
    for path in (file, folder / ".snakemake_timestamp"):
        path.touch()
    check_times([file, folder, tmp_path / "absent"])
    for path, told in ((file, file), (folder / ".snakemake_timestamp", folder)):
        os.utime(path, (time.time() + ahead,) * 2)
        if refused:
            with pytest.raises(M1FlowError, match=f"^{told}: dated in the future.* touch -c {path}$"):
                check_times([file, folder])
        check_times([])
        os.utime(path)


@pytest.mark.parametrize("write", [write_table, write_rows])
def test_a_flipped_bit_in_a_table_is_no_other_text(tmp_path, write):
    path = tmp_path / "t.parquet"
    rows = [{"prompt": f"question {n} {n * n}", "completion": f"{n}", "kind": "fact"} for n in range(400)]
    write(path, rows, "corpora")
    whole = path.read_bytes()
    caught = 0
    for at in range(8, len(whole) // 2, 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 8]) + whole[at + 1 :])
        for read in (lambda: read_table(path, "corpora"), lambda: list(iterate_table(path, "corpora"))):
            try:
                found = read()
            except M1FlowError as error:
                assert str(error).startswith(f"{path}: ") and "delete it and rerun" in str(error)
                caught += 1
            else:  # what is no content, such as a statistic
                found = found if isinstance(found, list) else found.to_dict("records")
                assert found == rows
    assert caught
