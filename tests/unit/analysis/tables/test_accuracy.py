"""The table of accuracies: a row for each cell."""

from __future__ import annotations

import pandas as pd

from m1flow.analysis.tables import accuracy

# Tables


def test_accuracy_table_keeps_the_contract(report_study):
    table = pd.read_csv(report_study.root / "tables" / "accuracy.csv")
    assert list(table.columns) == accuracy.TABLE.names
    assert (table["extensions"] == 0).all()
    assert len(table) == 3 * (1 + 5 * 8)
    assert table["accuracy"].between(table["ci_low"], table["ci_high"]).all()
