"""The formulary: the demo's fictitious world."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.formulary import FormularySettings


def test_the_default_world_is_the_demos():
    assert FormularySettings().dump() == {"seed": 7, "drugs": 40, "rare_drugs": 10}


def test_a_world_has_at_least_two_drugs():
    assert refusal(FormularySettings, {"drugs": 1}) == "drugs: must be at least 2, not 1"
