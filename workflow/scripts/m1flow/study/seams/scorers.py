"""Scorers, which read the option that an answer states."""

from __future__ import annotations

from m1flow.study.seams.seam import Seam

SCORERS = Seam("scorer", "m1flow.answers.scorers")
