"""Packages: a feature whose package is missing is refused with the command that installs it."""

from __future__ import annotations

import pytest

from m1flow.errors import M1FlowError
from m1flow.training import packages


def test_what_is_there_is_let_through_and_what_is_not_is_named(monkeypatch):
    monkeypatch.setitem(packages.NEEDS, "here", "pytest")
    monkeypatch.setitem(packages.NEEDS, "absent", "no_such_package")
    assert packages.installed("here") and not packages.installed("absent")
    packages.require("here", "training.optimizer")
    with pytest.raises(M1FlowError) as caught:
        packages.require("absent", "training.optimizer")
    assert str(caught.value) == (
        "training.optimizer: absent needs the package no-such-package; run pip install no-such-package, or "
        "choose another value"
    )
