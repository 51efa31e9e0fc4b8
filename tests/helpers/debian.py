"""Programs that tests need and a fresh machine lacks, from Debian's packages."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotInstall(Exception):
    """Why a program can't be had here."""


def install(programs: Iterable[str], packages: Iterable[str]) -> None:
    """Install packages, unless all of their programs are here; one process at a time.

    Raises:
        CannotInstall: this isn't root on a Debian that reaches a mirror.
    """
    programs = list(programs)
    if all(map(shutil.which, programs)):
        return
    missing = ", ".join(program for program in programs if not shutil.which(program))
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CannotInstall(f"{missing}: not installed, and only root on Debian can have it installed")
    with (Path(tempfile.gettempdir()) / "m1flow-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(map(shutil.which, programs)):
            with _no_daemons():
                _apt_get("update")
                _apt_get("install", "-y", "--no-install-recommends", *packages)


@contextmanager
def _no_daemons() -> Iterator[None]:
    """Keep packages from starting their daemons."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _apt_get(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired as error:
        raise CannotInstall("apt-get took more than 5 minutes") from error
    if done.returncode:
        raise CannotInstall(f"apt-get {arguments[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
