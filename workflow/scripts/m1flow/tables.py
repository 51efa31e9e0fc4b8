"""The study's tables as CSV files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from m1flow.storage import atomic_file


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with the same bytes for the same rows, on every machine."""
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6f")
