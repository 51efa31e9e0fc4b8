"""Which GPUs a job takes, where several jobs share a machine that no scheduler divides."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_POLL_SECONDS = 2.0


@contextlib.contextmanager
def claimed_gpus(count: int) -> Iterator[list[str]]:
    """Take so many GPUs that no other job of this user has taken, and show this process no others.

    Where no more are visible than are asked for (a scheduler has divided them, or there is one), all are taken as they
    are. Else each is taken by a lock that ends with the process, however it ends; where too few are free, it waits.
    Call it before anything looks for GPUs.

    Args:
        count: how many; 0 leaves everything as it is.
    """
    visible = _visible_gpus() if count else []
    if len(visible) <= count:
        yield visible
        return
    with contextlib.ExitStack() as stack:
        taken = _take(visible, count)
        for _, lock in taken:
            stack.callback(lock.close)
        names = [name for name, _ in taken]
        log.info("GPU %s", ", ".join(names))
        before = os.environ.get(_VISIBLE)
        os.environ[_VISIBLE] = ",".join(names)
        try:
            yield names
        finally:
            if before is None:
                del os.environ[_VISIBLE]
            else:
                os.environ[_VISIBLE] = before


def _take(visible: list[str], count: int) -> list[tuple[str, IO]]:
    told = False
    while True:
        taken = [(name, lock) for name in visible if (lock := _lock(name)) is not None]
        for _, lock in taken[count:]:
            lock.close()
        if len(taken) >= count:
            return taken[:count]
        for _, lock in taken:  # all or none, so that two jobs never wait for each other
            lock.close()
        if not told:
            log.info("waiting for %d of %d GPUs to be free", count, len(visible))
            told = True
        time.sleep(_POLL_SECONDS)


def _lock(name: str) -> IO | None:
    folder = Path(tempfile.gettempdir()) / f"m1flow-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = (folder / f"{name.replace('/', '_')}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _visible_gpus() -> list[str]:
    """Names that CUDA takes: numbers, or what the scheduler has put there."""
    if _VISIBLE in os.environ:
        return [name.strip() for name in os.environ[_VISIBLE].split(",") if name.strip()]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True)
        return [str(n) for n in range(sum(line.startswith("GPU") for line in listed.stdout.splitlines()))]
    return []
