"""Checkpoints of a training run: written whole or not at all; the last two are kept, and only the same run uses them.

They live in an undeclared folder, since Snakemake deletes the outputs that a failed job declared:
``results/<study>/checkpoints/<student>/<fingerprint>/checkpoint-<step>``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from m1flow.errors import M1FlowError
from m1flow.files.atomic import fsync
from m1flow.files.fingerprints import fingerprint
from m1flow.text.shown import one_line

KEEP = 2
"""Number of checkpoints of a run that are kept."""

STOPPED = 75
"""The exit status of a run that was told to stop and saved a checkpoint, to be run again (EX_TEMPFAIL)."""

_NAME = re.compile(r"checkpoint-(\d+)")


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    @classmethod
    def of_run(cls, root: Path | str, settings: Mapping[str, Any], **more: Any) -> Checkpoints:
        """The checkpoints of the run with these settings; those of other runs are never found.

        Args:
            root: the student's folder.
            settings: the student's settings, without its resources, so that a run that ran out of memory goes on in
                smaller micro-batches.
            more: fingerprints of base and examples, and the form in which states are stored.
        """
        return cls(Path(root) / fingerprint({**settings, **more})[:16])

    def last(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        found = self._all()
        return found[-1] if found else None

    @contextlib.contextmanager
    def saving(self, step: int, *, first: bool, together: Callable[[], None]) -> Iterator[Path]:
        """Yield a folder to save ``checkpoint-<step>`` in; earlier checkpoints stay until the new one is whole.

        Args:
            step: number of optimiser steps so far.
            first: whether this is the first process, which removes old checkpoints.
            together: waits for all processes.

        Raises:
            M1FlowError: the checkpoint can't be written, for instance because the disk is full.
        """
        partial = self.folder / ".partial"
        try:
            if first:
                for leftover in (partial, *self.folder.glob(".old-*")):
                    shutil.rmtree(leftover, ignore_errors=True)
                partial.mkdir(parents=True)
            together()
            yield partial
            together()
            if first:
                self._finish(partial / f"checkpoint-{step}")
            together()
        except (OSError, RuntimeError, SafetensorError) as error:  # a full disk, with two libraries' own errors
            if first:
                shutil.rmtree(partial, ignore_errors=True)
            kept = self.last()
            raise M1FlowError(
                f"{self.folder}: checkpoint {step} can't be written ({one_line(error)}); free some space and rerun: "
                + (f"training continues from step {_step(kept)}" if kept else "training starts from the beginning")
            ) from error

    def _finish(self, whole: Path) -> None:
        for folder, _, files in os.walk(whole, topdown=False):
            for name in files:
                fsync(Path(folder) / name)
            fsync(Path(folder))
        final = self.folder / whole.name
        shutil.rmtree(final, ignore_errors=True)
        whole.rename(final)
        fsync(self.folder)
        for old in self._all()[:-KEEP]:
            shutil.rmtree(old.rename(self.folder / f".old-{old.name}"), ignore_errors=True)

    def _all(self) -> list[Path]:
        found = [path for path in self.folder.glob("checkpoint-*") if _NAME.fullmatch(path.name)]
        return sorted(found, key=_step)


class StopSignal:
    """Remembers that the process was told to stop (SIGTERM: a time limit, a cancelled job), so that it can save first.

    SLURM's option ``--signal`` sends SIGTERM some minutes before the limit.
    """

    def __init__(self, can_save: bool) -> None:
        self.came = False
        self._can_save = can_save
        self._before: Any = None

    def __enter__(self) -> StopSignal:
        if self._can_save and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _remember(self, *_: object) -> None:
        self.came = True


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
