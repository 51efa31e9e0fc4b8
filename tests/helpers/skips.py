"""Skips that are known: with `--skips listed`, a test that is skipped for another reason fails the run."""

from __future__ import annotations

import re

import pytest

KNOWN = {
    "no GPU is to be seen": "there is none",
    "no real data at ": "the data sets aren't part of the project",
    "no folder ": "a preset's data, likewise",
    "needs unshare and nsenter|no mounts in a namespace": "a container may forbid mounts",
}
"""Beginnings of reasons for which a test may be skipped anywhere, and why it can't run there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skips", choices=("any", "listed"), default="any", help="which skips a run may have")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and _unknown(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason in _unknown(config):
        terminalreporter.line(f"error: a skip that tests/helpers/skips.py doesn't list: {reason}", red=True)


def _unknown(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if config.getoption("--skips") == "any" or reporter is None:
        return []
    reasons = [report.longrepr[2].removeprefix("Skipped: ") for report in reporter.stats.get("skipped", ())]
    return sorted({reason for reason in reasons if not re.match("|".join(KNOWN), reason)})
