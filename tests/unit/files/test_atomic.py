"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from m1flow.files.atomic import atomic_file, atomic_folder

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    (tmp_path / "f").write_text("old")
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "f") as temporary:
        temporary.write_text("half of the new")
        raise RuntimeError
    assert (tmp_path / "f").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_killed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "f").write_text("old")
    script = textwrap.dedent(f"""
        import os, signal
        from m1flow.files.atomic import atomic_file, atomic_folder
        with atomic_file({str(tmp_path / "f")!r}) as temporary:
            temporary.write_text("half of the new")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(SCRIPTS)})
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "f").read_text() == "old"


def test_a_full_disk_is_told_by_the_name_of_the_file_that_was_wanted(tmp_path):
    with pytest.raises(OSError) as caught, atomic_file(tmp_path / "f"):
        raise OSError(errno.ENOSPC, "no space")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "f"))
    with pytest.raises(OSError) as caught, atomic_folder(tmp_path / "d"):
        raise OSError(errno.ENOSPC, "no space")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "d"))
    assert list(tmp_path.iterdir()) == []


def test_a_written_file_has_the_rights_of_an_ordinary_one(tmp_path):
    (tmp_path / "plain").write_text("x")
    with atomic_file(tmp_path / "new" / "f") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "new" / "f").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_replaces_the_old_one_and_what_a_killed_run_left(tmp_path):
    for leftover in ("d", ".d.partial", ".d.old"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "stale").write_text("stale")
    with atomic_folder(tmp_path / "d") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "f").write_text("new")
        assert (tmp_path / "d" / "stale").exists(), "the old folder stays until the new one is complete"
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["d", "d/sub", "d/sub/f"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "d") as folder:
        (folder / "f").write_text("new")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
    assert (tmp_path / "d" / "f").read_text() == "old"
