"""Figures, which the sections of the report's page draw."""

from __future__ import annotations

from m1flow.study.seams.seam import Seam

FIGURES = Seam("figure", "m1flow.report.figures")
