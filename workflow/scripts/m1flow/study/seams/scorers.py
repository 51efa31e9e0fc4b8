"""Scorers, which say what an answer states and whether it is right."""

from __future__ import annotations

from m1flow.study.seams.seam import Seam

SCORERS = Seam("scorer", "m1flow.answers.scorers")
