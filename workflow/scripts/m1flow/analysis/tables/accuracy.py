"""Accuracy of every cell without forced extensions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.cells import COLUMNS, cells, read_sweeps
from m1flow.analysis.table import Table


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """A row for each model, benchmark and budget; see `cells.cells`.

    Args:
        sweeps: scored sweeps.
        cue: the study's first cue; cells without extensions don't depend on it.
    """
    rows = read_sweeps(sweeps, cue)
    return cells(rows[rows["extensions"] == 0])


TABLE = Table(title="Accuracy of every cell without forced extensions", columns=COLUMNS, make=make)
