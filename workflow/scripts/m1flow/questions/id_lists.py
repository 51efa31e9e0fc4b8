"""Splits frozen by lists of row ids, so that data sets that overlap are kept apart in every run."""

from __future__ import annotations

from pathlib import Path

from m1flow.errors import M1FlowError


def read_ids(file: Path) -> frozenset[str]:
    """A list of ids: one a line; lines with # say something."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise M1FlowError(f"{file}: ids: no such list of ids; correct the path") from None
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
