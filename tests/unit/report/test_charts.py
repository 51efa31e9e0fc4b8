"""Charts: one palette for page and files, and curves thinned without bias."""

from __future__ import annotations

import pandas as pd

from helpers.made_report import ROOT
from m1flow.report import charts


def test_light_palette_of_files_and_page_are_one():
    css = (ROOT / "workflow" / "report" / "page.css").read_text(encoding="utf-8")
    for number, colour in enumerate(charts.PALETTE, 1):
        assert f"--series-{number}: light-dark({colour}," in css
    for name in ("good", "bad", "ink", "soft"):
        assert f"--{name}: light-dark({charts.INK[name]}," in css


def test_long_curves_are_thinned_to_their_means():
    curve = pd.DataFrame({"step": range(1, 10_001), "loss": [1.0, 3.0] * 5_000})
    thin = charts.thinned(curve)
    assert len(thin) <= 300 and thin["loss"].between(1.9, 2.1).all()
