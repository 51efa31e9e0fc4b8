"""Tables as CSV files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from m1flow.tables import read_csv, write_csv


def test_small_p_values_are_not_rounded_to_nothing(tmp_path):
    table = pd.DataFrame(
        {"p": [1.23456e-12, 1.0, np.nan], "p_holm": [0.04999, 0.05, 0.0], "accuracy": [1e-12, 1 / 3, 0.5]}
    )
    write_csv(tmp_path / "t.csv", table)
    back = read_csv(tmp_path / "t.csv")
    assert back["p"].tolist()[:2] == [1.23456e-12, 1] and np.isnan(back["p"][2])
    assert back["p_holm"].tolist() == [0.04999, 0.05, 0] and back["accuracy"].tolist() == [0, 0.333333, 0.5]
