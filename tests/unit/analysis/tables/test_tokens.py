"""The table of tokens: what the sweep decoded against separate runs."""

from __future__ import annotations

import pandas as pd


def test_tokens_table_states_the_ratio(report_study):
    (row,) = pd.read_csv(report_study.root / "tables" / "tokens.csv").to_dict("records")
    assert row == {"model": "full_1000", "decoded": 25000, "separate": 100000, "ratio": 4.0}
