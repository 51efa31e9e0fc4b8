"""What takes long to make is made once, whichever of the parallel test processes needs it first."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

Made = TypeVar("Made")


def once(tmp_path_factory, name: str, make: Callable[[Path], Made]) -> Made:
    """What ``make(folder)`` returned to the first process that asked for it by this name; nobody may change it."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    folder, made = common / f"once_{name}", common / f"once_{name}.pickle"
    with FileLock(f"{folder}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of an attempt that failed
            folder.mkdir()
            made.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(made.read_bytes())
