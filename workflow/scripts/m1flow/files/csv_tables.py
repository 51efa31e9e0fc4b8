"""Tables as CSV files, written and read according to the kinds of their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files.atomic import atomic_file
from m1flow.files.column_kinds import Kind
from m1flow.text.shown import visible

_FORMULA = r"(?:[=@\t]|[+-](?!(?:\d*\.?\d*|\d+\.?\d*[eE][+-]?\d+)\Z))"
# A text that has apostrophes of its own before a formula gets one more, so that reading removes only what was added.
_TO_MARK, _MARKED = re.compile(f"'*{_FORMULA}"), re.compile(f"'+{_FORMULA}")


def write_csv(path: Path, table: pd.DataFrame, columns: Mapping[str, Kind]) -> None:
    """Write a table; the same rows give the same bytes on every machine.

    Characters that hide or reorder text are spelled out. A text that a spreadsheet would take for a formula gets an
    apostrophe before it, which `read_csv` removes.

    Args:
        path: the file.
        table: the rows, with at least the columns of ``columns``.
        columns: the kind of each column, in the order in which they are written.
    """
    for name, kind in columns.items():
        if kind is Kind.TEXT:
            table = table.assign(**{name: table[name].map(_marked)})
        elif kind.significant:
            table = table.assign(**{name: table[name].map("{:.6g}".format, na_action="ignore")})
        else:
            table = table.assign(**{name: table[name].infer_objects()})
    with atomic_file(path) as temporary:
        table[list(columns)].to_csv(temporary, index=False, lineterminator="\n", float_format="%.6f")


def read_csv(path: Path, columns: Mapping[str, Kind]) -> pd.DataFrame:
    """Read a table with its texts as they were given to `write_csv`; an empty text is NaN.

    Args:
        path: the file; it may have more columns than ``columns``, or fewer.
        columns: the kind of each column. Texts stay texts, even 1000 or NA.

    Raises:
        M1FlowError: the file can't be read.
    """
    texts = [name for name, kind in columns.items() if kind is Kind.TEXT]
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise M1FlowError(f"{path}: not a readable table ({error}); delete it and rerun: snakemake {path}") from None
    found = table.columns.intersection(texts)
    return table.assign(**{name: table[name].map(_unmarked).astype(table[name].dtype) for name in found})


def _marked(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if _TO_MARK.match(shown) else shown


def _unmarked(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and _MARKED.match(value) else value
