"""Solvers: asked once, greedily, for a direct answer."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.solvers import SolverSettings


def test_a_solver_is_asked_once_and_greedily_by_default():
    solver = SolverSettings()
    assert (solver.kind, solver.format, solver.attempts, solver.temperature) == ("model", "direct", 1, 0)
    assert (solver.top_p, solver.max_tokens) == (1, 4000)


def test_limits_are_named():
    assert refusal(SolverSettings, {"kind": "formulary"}) == 'kind: must be one of model, recorded, not "formulary"'
    assert refusal(SolverSettings, {"top_p": 0}) == "top_p: must be more than 0, not 0"
    assert refusal(SolverSettings, {"temperature": 2.5}) == "temperature: must be at most 2, not 2.5"
