"""Fingerprints of values, tables' rows, files and folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def fingerprint(value: Any) -> str:
    """A short stable hash (32 hex digits) of a JSON-like value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fingerprint_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """A hash (32 hex digits) of a table's rows: names, values and order, independent of the file.

    Args:
        rows: JSON-like mappings, such as `parquet.iterate_table` yields; they are taken one at a time.
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(fingerprint(row).encode())
    return digest.hexdigest()[:32]


def fingerprint_path(path: Path | str) -> str:
    """A hash (32 hex digits) of a file's bytes, or of a folder's files by name and bytes; hidden files don't count."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    members = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return fingerprint([[member.relative_to(path).as_posix(), fingerprint_path(member)] for member in members])
