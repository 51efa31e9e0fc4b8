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
    "selection place category along way method dataset against_model cue label hand_label examples replicates"
).split()
"""Names stay text, be they 1000 or NA."""

P_VALUES = ["p", "p_holm"]
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d*\.?\d*$)")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with the same bytes for the same rows, on every machine; small p-values aren't rounded to 0.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    for name in table.columns.intersection(P_VALUES):
        table = table.assign(**{name: table[name].map("{:.6g}".format, na_action="ignore")})
    for name in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
        table = table.assign(**{name: table[name].map(_cell)})
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6f")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return visible(f"'{value}" if _FORMULA.match(value) else value)


def read_csv(path: Path) -> pd.DataFrame:
    """One table.

    Raises:
        M1FlowError: it can't be read.
    """
    try:
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise M1FlowError(f"{path}: not a readable table ({error}); delete it and rerun: snakemake {path}") from None
