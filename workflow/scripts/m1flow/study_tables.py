"""The tables of a study as the report reads them: names stay text, and a study without a table has one without rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from m1flow import calibration, early_exit, order_effects, policies
from m1flow.storage import M1FlowError

TEXT_COLUMNS = (
    "model benchmark stage source name reason family choice rule measure item confidence curve counted".split()
)
"""Names stay text, be they 1000 or NA."""

COLUMNS = {
    "policies": policies.COLUMNS,
    "matched": policies.MATCHED_COLUMNS,
    "early_exit": early_exit.COLUMNS,
    "option_order": order_effects.COLUMNS,
    "calibration": calibration.COLUMNS,
    "calibration_curves": calibration.CURVE_COLUMNS,
}
"""Of the tables that figures are drawn from, for studies that lack them."""


class StudyTables:
    """The study's CSV tables by name, each read when it is asked for.

    Args:
        paths: name to file.
        order: benchmarks in the order in which the study names them; tables are sorted by name.
    """

    def __init__(self, paths: Mapping[str, Path], order: Mapping[str, int]) -> None:
        self._paths = paths
        self._order = order

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def __getitem__(self, name: str) -> pd.DataFrame:
        """The table; without rows, and with its columns, where the study has none.

        Raises:
            M1FlowError: the file can't be read.
        """
        if name not in self._paths:
            return pd.DataFrame(columns=COLUMNS.get(name, []))
        table = read_csv(self._paths[name])
        if "benchmark" not in table:
            return table
        return table.sort_values("benchmark", key=lambda names: names.map(self._order), kind="stable")


def read_csv(path: Path) -> pd.DataFrame:
    """One table.

    Raises:
        M1FlowError: it can't be read.
    """
    try:
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise M1FlowError(f"{path}: not a readable table ({error}); delete it and rerun: snakemake {path}") from None


def read_loss(path: Path) -> pd.DataFrame:
    """A loss curve: step, loss; steps whose loss isn't a number are left out.

    Raises:
        M1FlowError: it can't be read, or lacks a column.
    """
    curve = read_csv(path)
    missing = [name for name in ("step", "loss") if name not in curve.columns]
    if missing:
        raise M1FlowError(f"{path}: column {missing[0]!r} is missing; delete the model's folder and train it again")
    curve["loss"] = pd.to_numeric(curve["loss"], errors="coerce")  # a diverged one is "nan"
    return curve.dropna(subset=["step", "loss"])
