"""The file of published numbers: its rows, and the names under which models are published."""

from __future__ import annotations

from pathlib import Path

from m1flow.errors import M1FlowError
from m1flow.files.records import read_rows

FILE_COLUMNS = "published_as benchmark budget selection n accuracy place".split()


def names_in(path: Path | str) -> list[str]:
    """The names under which models are published, in the order of the file.

    Raises:
        M1FlowError: the file can't be read, lacks a column, or has a row with a wrong number of cells.
    """
    return list(dict.fromkeys(row["published_as"] for row in published_rows(path)))


def published_rows(path: Path | str) -> list[dict]:
    """The rows of a file of published accuracies.

    Raises:
        M1FlowError: the file can't be read, or lacks a column.
    """
    rows = list(read_rows(Path(path)))
    missing = [name for name in FILE_COLUMNS if rows and name not in rows[0]]
    if missing:
        raise M1FlowError(f"{path}: column {missing[0]!r} is missing; the header must be {','.join(FILE_COLUMNS)}")
    return rows
