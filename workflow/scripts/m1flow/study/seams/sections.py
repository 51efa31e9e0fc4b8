"""Sections of the report's page, which show tables and figures."""

from __future__ import annotations

from m1flow.study.seams.seam import Seam

SECTIONS = Seam("section", "m1flow.report.sections")
