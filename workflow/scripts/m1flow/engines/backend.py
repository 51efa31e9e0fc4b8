"""Backends: the abilities that an engine declares, and the function that opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from m1flow.engines.interface import Engine
from m1flow.study.seams.engines import EngineAbilities
from m1flow.study.settings.engine import EngineSettings


@dataclass(frozen=True, kw_only=True)
class Backend(EngineAbilities):
    """An engine by its name, one in each file of `engines.backends`.

    Attributes:
        package: the Python package that must be installed for it.
        open: loads a model folder under the study's section ``engine``.
    """

    package: str
    open: Callable[[Path, EngineSettings], Engine]
