"""Rows of files in the usual formats, as mappings; an unreadable file raises a one-line error that names it."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.text.shown import one_line

Record = dict[str, Any]


def read_rows(file: Path, part: str | None = None) -> Iterable[Record]:
    """A file's rows as mappings: .jsonl, .csv, .parquet, .json (a list, lines, or a mapping by id, kept as ``_key``).

    ``part`` is the key of the rows wanted in a .json file that holds several lists of them.
    """
    if part is not None:
        yield from _part(file, part)
        return
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise M1FlowError(
            f"{file}: can't read {file.suffix or 'a file without suffix'}; give a file ending in {', '.join(READERS)}"
        )
    with _named(file):
        yield from reader(file)


def _part(file: Path, part: str) -> Iterable[Record]:
    content = read_json_file(file)
    if not isinstance(content.get(part), list | dict):
        raise M1FlowError(f"{file}: part: no rows under {part!r}; choose from {', '.join(content)}")
    with _named(file):
        yield from _keyed(content[part])


def _json_rows(file: Path) -> Iterable[Record]:
    text = file.read_text(encoding="utf-8-sig")
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        first, _, more = text.partition("\n")
        if not more.strip() or not _is_mapping(first):
            raise
        return _jsonl_rows(file)  # the form of many data sets on the hub
    if isinstance(content, dict) and content and all(isinstance(rows, list) for rows in content.values()):
        raise M1FlowError(
            f"{file}: part: not set, but the file holds several lists of rows; set it to one of {', '.join(content)}"
        )
    return _keyed(content)


def _is_mapping(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except json.JSONDecodeError:
        return False


def _keyed(content: Any) -> Iterable[Record]:
    if isinstance(content, dict):
        content = [{"_key": key, **row} if isinstance(row, dict) else row for key, row in content.items()]
    return _mappings(content)


def _jsonl_rows(file: Path) -> Iterable[Record]:
    with file.open(encoding="utf-8-sig") as lines:
        yield from _mappings(json.loads(line) for line in lines if line.strip())


def _csv_rows(file: Path) -> Iterable[Record]:
    csv.field_size_limit(1 << 30)  # long passages are allowed
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        names = list(rows.fieldnames or [])
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two columns are called {twice[0]!r}")
        for row in rows:
            if None in row or None in row.values():
                raise ValueError(f"line {rows.line_num} doesn't have {len(names)} cells; quote texts that hold commas")
            yield row


def _parquet_rows(file: Path) -> Iterable[Record]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(1024):
            yield from batch.to_pylist()


def _mappings(rows: Iterable[Any]) -> Iterable[Record]:
    for row in rows:
        if not isinstance(row, dict):
            raise ValueError(f"a row is of type {type(row).__name__}, not a mapping")
        yield row


READERS: dict[str, Callable[[Path], Iterable[Record]]] = {
    ".json": _json_rows,
    ".jsonl": _jsonl_rows,
    ".csv": _csv_rows,
    ".parquet": _parquet_rows,
}


def data_files(folder: Path, endings: Collection[str] = READERS.keys()) -> list[Path]:
    """The files of a folder with these endings, by default all that can be read as rows; hidden files don't count."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def read_json_file(file: Path) -> Record:
    """The mapping that a JSON file holds."""
    with _named(file):
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError(f"its content is of type {type(content).__name__}, not a mapping")
        return content


def read_csv_cells(file: Path) -> Iterable[list[str]]:
    """The cells of a CSV file without header, row by row; blank lines are skipped."""
    with _named(file), file.open(encoding="utf-8-sig", newline="") as lines:
        yield from (cells for cells in csv.reader(lines, strict=True) if cells)


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    """Turn errors in reading a file into one that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise M1FlowError(f"{file}: path: no such file; correct the path or fetch the file") from None
    except (ValueError, csv.Error) as error:  # JSON, Unicode and Arrow errors are all ValueErrors
        raise M1FlowError(
            f"{file}: path: not readable as {file.suffix} ({one_line(error)}); repair the file or fetch it again"
        ) from None
