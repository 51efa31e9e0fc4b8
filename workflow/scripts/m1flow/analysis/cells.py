"""Accuracy cell by cell: scored sweeps as one table, and the numbers of each of its cells."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from m1flow.analysis.intervals import proportion
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import read_scored, unaltered

COLUMNS = {
    "model": Kind.TEXT,
    "benchmark": Kind.TEXT,
    "budget": Kind.COUNT,
    "extensions": Kind.COUNT,
    "n": Kind.COUNT,
    "correct": Kind.COUNT,
    "accuracy": Kind.SHARE,
    "ci_low": Kind.SHARE,
    "ci_high": Kind.SHARE,
    "thinking_tokens_mean": Kind.TOKENS,
    "truncated_rate": Kind.SHARE,
    "unparsed_rate": Kind.SHARE,
}
"""The columns of a table with a row for each cell."""
CELL = ["model", "benchmark", "budget", "extensions"]
COUNTED = (
    "question_id sample budget extensions thinking_tokens natural_end answer_tokens parsed_index outcome correct"
).split()


def read_sweeps(paths: Iterable[Path], cue: str | None = None) -> pd.DataFrame:
    """Scored sweeps as one table; model and benchmark are the names of the file's folder and of the file.

    Only rows with the options in the benchmark's order are read. Texts stay on disk: those of a large study don't fit
    into memory.

    Args:
        paths: scored sweeps.
        cue: the cue whose extensions are read, if there are several; by default the first in each file.

    Raises:
        M1FlowError: a file can't be read, holds no rows, or measures a cell of a question twice.
    """
    tables = []
    for path in paths:
        rows = unaltered(read_scored(path, COUNTED), cue)
        tables.append(rows[COUNTED].assign(model=path.parent.name, benchmark=path.stem))
    return pd.concat(tables, ignore_index=True)


def cells(sweep_rows: pd.DataFrame) -> pd.DataFrame:
    """One row per model, benchmark, budget and number of extensions.

    Args:
        sweep_rows: rows of the sweeps contract with the columns model and benchmark.

    Returns:
        COLUMNS, sorted. n counts rows (questions x samples); thinking_tokens_mean is in tokens;
        truncated_rate is the share whose thinking was cut; unparsed_rate the share without a readable answer.
    """
    rows = []
    for key, cell in sweep_rows.groupby(CELL, sort=True):
        estimate = proportion(cell)
        rows.append(
            dict(zip(CELL, key, strict=True))
            | {
                "n": len(cell),
                "correct": int(cell["correct"].sum()),
                "accuracy": estimate.value,
                "ci_low": estimate.low,
                "ci_high": estimate.high,
                "thinking_tokens_mean": float(cell["thinking_tokens"].mean()),
                "truncated_rate": float((~cell["natural_end"].astype(bool)).mean()),
                "unparsed_rate": float(cell["parsed_index"].isna().mean()),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
