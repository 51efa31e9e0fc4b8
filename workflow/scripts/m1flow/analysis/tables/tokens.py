"""Tokens that the sweeps decoded, against those that separate runs of every cell would have decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.json import read_json


def make(*, token_counts: Sequence[Path]) -> pd.DataFrame:
    """A row for each model.

    Args:
        token_counts: the files generations/{model}.report.json.
    """
    rows = []
    for path in token_counts:
        counts = read_json(path)
        decoded, separate = int(counts["decoded"]), int(counts["separate"])
        model = path.name.removesuffix(".report.json")
        rows.append({"model": model, "decoded": decoded, "separate": separate, "ratio": separate / max(1, decoded)})
    return pd.DataFrame(rows, columns=TABLE.names)


TABLE = Table(
    title="Tokens that each model's sweep decoded, and that separate runs of its cells would have",
    columns={
        "model": Kind.TEXT,
        "decoded": Kind.COUNT,
        "separate": Kind.COUNT,
        "ratio": Kind.RATIO,
    },
    make=make,
)
