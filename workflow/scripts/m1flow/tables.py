"""The study's tables as CSV files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.shown_text import visible
from m1flow.storage import M1FlowError, atomic_file

TEXT_COLUMNS = (
    "model benchmark stage source name reason family choice rule measure item confidence curve counted published_as "
    "selection place category along way method dataset against_model cue label hand_label examples replicates endpoint"
).split()
"""Names stay text, be they 1000 or NA."""

SIGNIFICANT = ("p", "p_holm", "seconds")
"""Written with six significant digits: small ones aren't rounded to 0."""
_FORMULA = r"(?:[=@\t]|[+-](?!(?:\d*\.?\d*|\d+\.?\d*[eE][+-]?\d+)\Z))"
# A text that has apostrophes of its own before a formula gets one more, so that reading takes away what writing put.
_TO_MARK, _MARKED = re.compile(f"'*{_FORMULA}"), re.compile(f"'+{_FORMULA}")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with the same bytes for the same rows, on every machine.

    Characters that hide or reorder text are spelled out. A text that a spreadsheet would take for a formula gets an
    apostrophe before it, which `read_csv` takes away.
    """
    texts = _columns_of_text(table)
    for name in table.columns.intersection(SIGNIFICANT).difference(texts):
        table = table.assign(**{name: table[name].map("{:.6g}".format, na_action="ignore")})
    for name in texts:
        table = table.assign(**{name: table[name].map(_marked)})
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6f")


def read_csv(path: Path) -> pd.DataFrame:
    """One table, its texts as they were given to `write_csv`; an empty one is NaN.

    Raises:
        M1FlowError: it can't be read.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise M1FlowError(f"{path}: not a readable table ({error}); delete it and rerun: snakemake {path}") from None
    texts = _columns_of_text(table)
    return table.assign(**{name: table[name].map(_unmarked).astype(table[name].dtype) for name in texts})


def _columns_of_text(table: pd.DataFrame) -> list[str]:
    return [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]


def _marked(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if _TO_MARK.match(shown) else shown


def _unmarked(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and _MARKED.match(value) else value
