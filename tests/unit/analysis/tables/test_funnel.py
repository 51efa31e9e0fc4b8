"""The funnel: every question that leaves is counted with its reason."""

from __future__ import annotations

import pandas as pd


def test_funnel_loses_nothing_silently(report_study):
    counts = pd.read_csv(report_study.root / "tables" / "funnel.csv").fillna("")
    kept = counts[counts["reason"] == ""].groupby(["stage", "name"])["n"].sum()
    dropped = counts[counts["reason"] != ""].groupby(["stage", "name"])["n"].sum()
    assert kept["read", ""] == kept["questions", ""] + dropped["questions", ""] == 1250
    assert kept["questions", ""] == kept["pool", ""] + dropped["pool", ""]
    assert kept["pool", ""] == kept["hard", ""] + dropped["hard", ""]
    assert kept["traces", "solver"] == kept["verified", "solver"] + dropped["verified", "solver"]
    assert set(counts.loc[counts["stage"] == "verified", "reason"]) == {"", "unparsed", "wrong"}
    assert kept["datasets", "hard_40"] == 40
