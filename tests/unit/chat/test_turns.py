"""Turns: whatever is drawn for one question and attempt is drawn for no other."""

from __future__ import annotations

from m1flow.chat.turns import sampling_for
from m1flow.engines.interface import Sampling
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings


def test_each_attempt_has_a_stream_of_its_own():
    spec = {"temperature": 0.7}
    streams = {
        sampling_for(read(SolverSettings, spec), seed, q, attempt)
        for seed in (0, 1)
        for q in "ab"
        for attempt in range(3)
    }
    assert len(streams) == 12
    assert sampling_for(read(SolverSettings, {}), 0, "a") == Sampling()


def test_streams_are_those_of_earlier_journals():
    settings = read(SolverSettings, {"temperature": 0.7, "top_p": 0.9})
    assert sampling_for(settings, 1, "q", 2) == Sampling(0.7, 0.9, 98722530)
