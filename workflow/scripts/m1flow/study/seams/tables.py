"""Tables, which are computed from a study's results."""

from __future__ import annotations

from m1flow.study.seams.seam import Seam

TABLES = Seam("table", "m1flow.analysis.tables")
