"""Lists of row ids that freeze splits, so that overlapping data sets are kept apart in every run."""

from __future__ import annotations

from pathlib import Path

from m1flow.errors import M1FlowError


def read_ids(file: Path) -> frozenset[str]:
    """Read a list of ids, one per line; lines that start with # are comments."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise M1FlowError(f"{file}: ids: no such list of ids; correct the path") from None
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
