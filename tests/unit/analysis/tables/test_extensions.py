"""The table of extensions: under the same caps as none."""

from __future__ import annotations

import pandas as pd


def test_extensions_table_compares_with_no_extension(report_study):
    table = pd.read_csv(report_study.root / "tables" / "extensions.csv")
    assert set(table["extensions"]) == {0, 1, 2, 4} and set(table["budget"]) == {56}
    flips = pd.read_csv(report_study.root / "tables" / "flips.csv")
    forced = flips[flips["along"] == "extensions"].rename(columns={"after": "extensions"})
    key = ["model", "benchmark", "extensions"]
    for (model, benchmark), line in table.groupby(["model", "benchmark"]):
        start = line.loc[line["extensions"] == 0, "correct"].item()
        moved = line.merge(forced, on=key).sort_values("extensions")
        assert len(moved) == 3, (model, benchmark)
        assert (start + moved["wrong_to_right"] - moved["right_to_wrong"]).tolist() == moved["correct"].tolist()
