"""Parquet tables: written atomically with provenance, checked against their contracts, with one-line errors."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from m1flow.errors import M1FlowError
from m1flow.files.atomic import atomic_file
from m1flow.files.contracts import CONTRACTS, NULLABLE
from m1flow.text.shown import one_line

PROVENANCE_KEY = b"m1flow"
_AS_PARQUET = {"compression": "zstd", "write_page_checksum": True}
"""With checksums, a flipped bit raises an error on reading instead of changing a text."""
_CHECKED = {"page_checksum_verification": True}
_CHUNK = 1000
"""Number of rows written at a time for tables too long to be held in memory."""


def write_table(
    path: Path | str, rows: pd.DataFrame | list[dict], contract: str, *, provenance: dict | None = None
) -> None:
    """Write rows as Parquet, atomically, with the contract's columns first and provenance in the file's metadata.

    Args:
        path: the file to write.
        rows: a data frame or a list of mappings; must hold every column of the contract.
        contract: a key of CONTRACTS.
        provenance: what made the table, as returned by `provenance`.
    """
    schema = CONTRACTS[contract]
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=None if rows else schema.names)
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise KeyError(f"{path}: rows of a {contract!r} table lack {missing}")
    extra = [name for name in frame.columns if name not in schema.names]
    arrays = [pa.Array.from_pandas(frame[name], type=schema.field(name).type) for name in schema.names]
    arrays += [pa.Array.from_pandas(frame[name]) for name in extra]
    table = pa.table(dict(zip([*schema.names, *extra], arrays, strict=True)))
    table = table.replace_schema_metadata({PROVENANCE_KEY: json.dumps(provenance or {}, sort_keys=True).encode()})
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, **_AS_PARQUET)


def write_rows(path: Path | str, rows: Iterable[dict], contract: str, *, provenance: dict | None = None) -> None:
    """Write rows as they come, atomically, without holding them all in memory; for tables of long texts.

    Args:
        path: the file to write.
        rows: mappings with exactly the contract's columns.
        contract: a key of CONTRACTS.
        provenance: what made the table, as returned by `provenance`.
    """
    schema = CONTRACTS[contract].with_metadata({PROVENANCE_KEY: json.dumps(provenance or {}, sort_keys=True).encode()})
    remaining = iter(rows)
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema, **_AS_PARQUET) as writer:
        while chunk := list(islice(remaining, _CHUNK)):
            writer.write_table(pa.Table.from_pylist(chunk, schema=schema))


def read_table(
    path: Path | str, contract: str, columns: list[str] | None = None, *, question_ids: list[str] | None = None
) -> pd.DataFrame:
    """Read a table and check it against its contract.

    Args:
        path: a Parquet file.
        contract: a key of CONTRACTS.
        columns: read only these; all by default.
        question_ids: read only these questions' rows; all by default.

    Raises:
        M1FlowError: the file is missing or isn't Parquet, a column is missing or of another type, or there is a null
            where the contract allows none.
    """
    wanted = columns or CONTRACTS[contract].names
    only = None if question_ids is None else [("question_id", "in", pa.array(question_ids, pa.string()))]
    table = _readable(path, contract, wanted, lambda: pq.read_table(path, columns=columns, filters=only, **_CHECKED))
    return _typed(path, contract, wanted, table).to_pandas()


def iterate_table(path: Path | str, contract: str) -> Iterator[dict]:
    """A table's rows as mappings, with only a part in memory at a time.

    Raises:
        M1FlowError: as in `read_table`; raised while iterating if a later part is at fault.
    """
    names = CONTRACTS[contract].names
    file = _readable(path, contract, names, lambda: pq.ParquetFile(path, **_CHECKED))
    batches = file.iter_batches(_CHUNK)
    while True:
        with _named(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield from _typed(path, contract, names, pa.Table.from_batches([batch])).to_pylist()


def _readable(path: Path | str, contract: str, wanted: list[str], read: Callable[[], Any]) -> Any:
    """The result of ``read`` on a Parquet file, after a check that it has the columns wanted."""
    with _named(path):
        present = pq.read_schema(path)
        missing = [name for name in wanted if name not in present.names]
        if missing:
            raise M1FlowError(
                f"{path}: column {missing[0]!r} is missing from this {contract} table; "
                "delete the file and rerun, or give the column the name in the contract"
            )
        return read()


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Turn errors in reading a Parquet file into one that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise M1FlowError(f"{path}: no such file; make it with: snakemake {path}") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise M1FlowError(
            f"{path}: not a readable Parquet file ({one_line(error)}); delete it and rerun: snakemake {path}"
        ) from None


def _typed(path: Path | str, contract: str, wanted: list[str], table: pa.Table) -> pa.Table:
    """The table with the contract's types in the columns wanted; nulls are refused where the contract allows none."""
    schema = CONTRACTS[contract]
    for name in wanted:
        if name in schema.names:
            table = _typed_column(path, contract, table, schema.field(name))
    return table


def _typed_column(path: Path | str, contract: str, table: pa.Table, field: pa.Field) -> pa.Table:
    column = table.column(field.name)
    if column.null_count and field.name not in NULLABLE:
        raise M1FlowError(
            f"{path}: column {field.name!r} has {column.null_count} empty values, but a {contract} table allows none; "
            "fill them, or delete the file and rerun"
        )
    if column.type == field.type:
        return table
    try:
        return table.set_column(table.column_names.index(field.name), field.name, column.cast(field.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise M1FlowError(
            f"{path}: column {field.name!r} holds {column.type}, but a {contract} table needs {field.type}; "
            "convert it, or delete the file and rerun"
        ) from None


def read_provenance(path: Path | str) -> dict:
    """A table's provenance: the mapping given to `write_table`.

    Raises:
        M1FlowError: the file is missing or not Parquet.
    """
    with _named(path):
        return json.loads((pq.read_schema(path).metadata or {}).get(PROVENANCE_KEY, b"{}"))


def each(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A table's rows as mappings, one at a time."""
    for values in zip(*(table[name] for name in table.columns), strict=True):
        yield dict(zip(table.columns, values, strict=True))
