"""The tables of a study as the report reads them: a study without a table has one without rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from m1flow import (
    agreement,
    budget_choice,
    calibration,
    comparisons,
    cue_effects,
    early_exit,
    failures,
    flips,
    order_effects,
    overthinking,
    pareto,
    policies,
    published,
    replicates,
)
from m1flow.storage import M1FlowError
from m1flow.tables import read_csv

COLUMNS = {
    "policies": policies.COLUMNS,
    "matched": policies.MATCHED_COLUMNS,
    "early_exit": early_exit.COLUMNS,
    "option_order": order_effects.COLUMNS,
    "calibration": calibration.COLUMNS,
    "calibration_curves": calibration.CURVE_COLUMNS,
    "cues": cue_effects.COLUMNS,
    "comparisons": comparisons.COLUMNS,
    "budget_choice": budget_choice.COLUMNS,
    "overthinking": overthinking.COLUMNS,
    "flips": flips.COLUMNS,
    "failures": failures.COLUMNS,
    "pareto": pareto.COLUMNS,
    "replicates": replicates.COLUMNS,
    "error_kinds": agreement.ERROR_KINDS,
    "judge_agreement": agreement.AGREEMENT,
    "published": published.COLUMNS,
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
