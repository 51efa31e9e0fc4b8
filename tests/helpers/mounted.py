"""File systems of one's own: a disk to fill, a folder that can't be written. It needs no root and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.project import Project

_FILLER = ".filler"


class MountedProject(Project):
    """A project that lives in a mount namespace; only what is run by it sees what is mounted there."""

    def __init__(self, folder: Path, process: int):
        self.folder = Path(f"/proc/{process}/root{folder}")  # the way in from outside
        self._enter = ["nsenter", f"--target={process}", "--user", "--mount", "--preserve-credentials"]
        self._enter += ["sh", "-c", 'cd "$0" && exec "$@"', str(folder)]

    def shell(self, command: str, timeout: float = 300) -> subprocess.CompletedProcess:
        """Run a shell command in the project, as Snakemake runs a job's."""
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        return subprocess.run(
            [*self._enter, "bash", "-euo", "pipefail", "-c", command],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env=self._environment() | {"PATH": path, "OMP_NUM_THREADS": "1"},
        )

    def fill(self, *, but: int = 0) -> None:
        """Fill the disk, all ``but`` so many bytes."""
        self.make_room()
        with (self.folder / _FILLER).open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(1 << 16)):
                    pass
            with contextlib.suppress(OSError):
                while file.write(bytes(1 << 12)):
                    pass
            file.truncate(file.tell() - but)

    def make_room(self) -> None:
        """Take away what fills it."""
        (self.folder / _FILLER).unlink(missing_ok=True)

    def _run(self, arguments: list[str], timeout: float) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*self._enter, sys.executable, "-m", "snakemake", *arguments],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env=self._environment(),
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [*self._enter, *super()._command(arguments)]


@contextlib.contextmanager
def mounted(folder: Path, mount: str) -> Iterator[int]:
    """A process in whose mount namespace a shell command (``$0`` is the folder) has mounted something; skips the test
    where that isn't allowed.
    """
    folder.mkdir(exist_ok=True)
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter (util-linux)")
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", f"{mount}; echo; exec sleep infinity", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if not holder.stdout.readline():
            pytest.skip(f"no mounts in a namespace of one's own here: {holder.communicate()[1].strip()}")
        yield holder.pid
    finally:
        holder.kill()
        holder.communicate()


@contextlib.contextmanager
def small_disk(folder: Path, project: Path, megabytes: int) -> Iterator[MountedProject]:
    """A copy of a project on a disk of its own."""
    with mounted(folder, f'mount -t tmpfs -o size={megabytes}m tmpfs "$0"') as process:
        copy = MountedProject(folder, process)
        shutil.copytree(project, copy.folder, symlinks=True, dirs_exist_ok=True)
        yield copy


@contextlib.contextmanager
def read_only(project: Path, part: str) -> Iterator[MountedProject]:
    """A project of which a part can't be written."""
    with mounted(project / part, 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"') as process:
        yield MountedProject(project, process)
