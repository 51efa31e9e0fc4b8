"""Accuracy with forced extensions, beside that under the same budgets without them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.cells import COLUMNS, cells, read_sweeps
from m1flow.analysis.table import Table


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """The cells of every model, benchmark and budget measured with extensions, including those without extensions.

    Args:
        sweeps: scored sweeps.
        cue: the cue whose extensions count; None for the first in each sweep.
    """
    rows = read_sweeps(sweeps, cue)
    most = rows.groupby(["model", "benchmark", "budget"])["extensions"].transform("max")
    return cells(rows[most > 0])


TABLE = Table(title="Accuracy under the budgets that were measured with forced extensions", columns=COLUMNS, make=make)
