"""The tables of a study as the report reads them; those that the study lacks have no rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from m1flow.analysis.intervals import MACRO
from m1flow.analysis.registry import declared
from m1flow.errors import M1FlowError
from m1flow.files.csv_tables import read_csv


class StudyTables:
    """The study's CSV tables by name, each read when it is asked for.

    Args:
        paths: the file of each table, by name.
        order: benchmarks in the order in which the study names them; tables are sorted by name.
    """

    def __init__(self, paths: Mapping[str, Path], order: Mapping[str, int]) -> None:
        self._paths = paths
        self._order = order

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def __getitem__(self, name: str) -> pd.DataFrame:
        """The table; if the study lacks it, one that has its columns but no rows.

        Raises:
            M1FlowError: there is no such table, or its file can't be read.
        """
        if name not in self._paths:
            return declared(name).without_rows()
        table = read_csv(self._paths[name], declared(name).columns)
        if "benchmark" not in table:
            return table
        return table.sort_values("benchmark", key=lambda names: names.map(self._order), kind="stable")


def overall(rows: pd.DataFrame) -> pd.DataFrame:
    """The macro averages; all rows if there are none, as with one benchmark."""
    macro = rows[rows["benchmark"] == MACRO]
    return macro if len(macro) else rows


def read_loss(path: Path) -> pd.DataFrame:
    """A loss curve as steps with their losses, without the steps whose loss isn't a number.

    Raises:
        M1FlowError: the file can't be read, or lacks a column.
    """
    curve = read_csv(path, {})
    missing = [name for name in ("step", "loss") if name not in curve.columns]
    if missing:
        raise M1FlowError(
            f"{path}: column {missing[0]!r} is missing; move the model's folder away, then train the model again"
        )
    curve["loss"] = pd.to_numeric(curve["loss"], errors="coerce")  # "nan" after divergence
    return curve.dropna(subset=["step", "loss"])
