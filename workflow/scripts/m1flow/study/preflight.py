"""Checks, before any work, for problems that would stop a run later: a full disk, no permission, a wrong clock."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from m1flow.errors import M1FlowError

_LEAST_FREE = 32 << 20
"""Bytes that the smallest study takes. The space that a large study needs can't be known in advance."""
_AHEAD_SECONDS = 600
"""Seconds that a file may be ahead of the clock; clocks of machines that share files differ by less."""
_STAMP = ".snakemake_timestamp"
"""The file whose time Snakemake takes as that of an output folder."""


def check_disk(folder: Path | str) -> None:
    """Check that a folder, or the one in which it will be made, can be written to and has free space.

    Raises:
        M1FlowError: the folder can't be written, or its disk is full.
    """
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise M1FlowError(f"{folder}: can't be written to; mount it writable, or change its permissions, then rerun")
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    if free < _LEAST_FREE:
        raise M1FlowError(
            f"{folder}: {free >> 20} MB are free on this disk, but {_LEAST_FREE >> 20} MB are needed; "
            "free some space, then rerun"
        )


def check_times(paths: Iterable[Path | str]) -> None:
    """Check that no input is dated in the future, as can happen if a clock was wrong.

    A file made from such an input would be older than the input, and Snakemake would fail the job after its work is
    done.

    Raises:
        M1FlowError: an input is dated in the future; the message names one.
    """
    latest = time.time() + _AHEAD_SECONDS
    for path in sorted(map(Path, set(paths))):
        stamp = path / _STAMP if path.is_dir() else path
        if stamp.exists() and (when := stamp.stat().st_mtime) > latest:
            raise M1FlowError(
                f"{path}: dated in the future ({datetime.fromtimestamp(when):%Y-%m-%d %H:%M}); correct the clock, "
                f"then run: touch -c {shlex.quote(str(stamp))}"
            )
