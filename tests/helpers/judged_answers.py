"""Rows of judged answers."""

from __future__ import annotations

import pandas as pd


def judged_rows(*rows: tuple) -> pd.DataFrame:
    columns = ["model", "benchmark", "question_id", "sample", "drawn", "label"]
    return pd.DataFrame(rows, columns=columns)
