"""Claiming GPUs for a job when several jobs share a machine without a scheduler."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TypeVar

log = logging.getLogger(__name__)

Opened = TypeVar("Opened")

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_POLL_SECONDS = 2.0


@contextlib.contextmanager
def claimed_gpus(count: int) -> Iterator[list[str]]:
    """Take GPUs that no other job of this user has taken, and hide all others from this process.

    Each GPU is taken by a lock that ends with the process; if too few are free, the process waits. Jobs that a
    scheduler has given different GPUs never wait for each other, even if it calls them by the same numbers. If fewer
    GPUs are visible than asked for, all of them are taken, and the caller reports the problem. Must be called before
    anything looks for GPUs.

    Args:
        count: number of GPUs; 0 changes nothing.
    """
    visible = _visible_gpus() if count else {}
    if not visible:
        yield []
        return
    with contextlib.ExitStack() as stack:
        taken = _take(visible, min(count, len(visible)))
        for lock in taken.values():
            stack.callback(lock.close)
        log.info("GPU %s", ", ".join(taken))
        before = os.environ.get(_VISIBLE)
        os.environ[_VISIBLE] = ",".join(taken)
        try:
            yield list(taken)
        finally:
            free_memory()
            if before is None:
                del os.environ[_VISIBLE]
            else:
                os.environ[_VISIBLE] = before


@contextlib.contextmanager
def claiming_gpus(count: int, opening: Callable[[], Opened]) -> Iterator[Callable[[], Opened]]:
    """Yield a function that claims GPUs and opens an engine on them; the GPUs are released at the end.

    A job whose journal holds all answers therefore never waits for a GPU.

    Args:
        count: number of GPUs, as in `claimed_gpus`.
        opening: opens the engine; the block has to close it.
    """
    with contextlib.ExitStack() as claim:

        def opened() -> Opened:
            log.info("the journal lacks some answers: loading the model")
            claim.enter_context(claimed_gpus(count))
            return opening()

        yield opened


def free_memory() -> None:
    """Free the memory that an engine still holds after it was closed or failed to open."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def avoid_slow_attention() -> None:
    """Keep PyTorch from using cuDNN's attention, which it prefers on Hopper GPUs for 16-bit numbers.

    cuDNN makes a new plan for every shape, and shapes change with every generated token and every training batch.
    """
    import torch

    torch.backends.cuda.enable_cudnn_sdp(False)


def _take(visible: Mapping[str, str], count: int) -> dict[str, IO]:
    """Lock the first free GPUs; return the locks by GPU name."""
    warned = False
    while True:
        taken: dict[str, IO] = {}
        for name, unique in visible.items():
            if len(taken) < count and (lock := _lock(unique)) is not None:
                taken[name] = lock
        if len(taken) == count:
            return taken
        for lock in taken.values():  # all or none, so that two jobs never wait for each other
            lock.close()
        if not warned:
            others = ", ".join(name for name in visible if name not in taken)
            log.info("waiting for %d of %d GPUs to be free: other jobs have %s", count, len(visible), others)
            warned = True
        time.sleep(_POLL_SECONDS)


def _lock(unique: str) -> IO | None:
    folder = Path(tempfile.gettempdir()) / f"m1flow-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = (folder / f"{unique.replace('/', '_')}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _visible_gpus() -> dict[str, str]:
    """The GPUs' names for CUDA (numbers, or names set by the scheduler), each with a unique name."""
    listed = _listed_gpus()
    names = os.environ[_VISIBLE].split(",") if _VISIBLE in os.environ else map(str, range(len(listed)))
    return {name.strip(): _unique(name.strip(), listed) for name in names if name.strip()}


def _unique(name: str, listed: list[str]) -> str:
    """A GPU's UUID, since 0 may be a different GPU in each job of a scheduler; else its name with machine and job."""
    if name.isdecimal() and int(name) < len(listed):
        return listed[int(name)]
    if name.isdecimal():
        return "-".join([socket.gethostname(), os.environ.get("SLURM_JOB_ID", ""), name])
    return next((uuid for uuid in listed if uuid.startswith(name)), name)  # CUDA also takes the beginning of a UUID


def _listed_gpus() -> list[str]:
    """UUIDs of the GPUs that this job may use, in the order of their numbers; none without nvidia-smi."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU \d+: .*\(UUID: ([^)]+)\)", listed.stdout, re.MULTILINE)
