"""Progress tells rate, cost and what was resumed, on a terminal and in a log."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

import pytest

from m1flow.chat.progress import Progress
from m1flow.chat.turns import ModelTurn


def test_progress_tells_rate_cost_and_what_was_resumed(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    clock = iter(range(0, 10_000, 15))
    monkeypatch.setattr("m1flow.chat.progress.time.monotonic", lambda: next(clock))
    turn = ModelTurn("", "", 1, 1, True, cost=1.25)
    with Progress("teach r1", 4) as progress:
        progress.reused()
        progress.answered(turn)
        progress.answered(replace(turn, cost=None))
    assert "teach r1: 3 of 4 answered: 1 from the journal, 2 new for $1.25" in caplog.text
    assert any("2/4" in line and "$1.25" in line and "<" in line for line in caplog.messages)


def test_what_broke_off_is_told_as_such(caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(KeyboardInterrupt), Progress("solve", 1500) as progress:
        progress.reused()
        raise KeyboardInterrupt
    assert "solve: 1 of 1,500 answered before it stopped: 1 from the journal, 0 new" in caplog.text
    assert "$" not in caplog.text


def test_a_terminal_shows_a_bar_and_no_lines(monkeypatch, caplog, capsys):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("judge", 2) as progress:
        progress.answered(ModelTurn("", "", 1, 1, True, cost=0.5))
        progress.answered(ModelTurn("", "", 1, 1, True, cost=0.5))
        assert caplog.messages == []
    assert "judge: 100%" in (shown := capsys.readouterr().err) and "$1.00" in shown
