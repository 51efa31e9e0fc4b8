"""Backends: the declared abilities of an engine, and the function that opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from m1flow.engines.interface import Engine
from m1flow.study.seams.engines import EngineAbilities
from m1flow.study.settings.engine import EngineSettings


@dataclass(frozen=True, kw_only=True)
class Backend(EngineAbilities):
    """A named engine, one in each file of `engines.backends`.

    Attributes:
        package: the Python package that the engine needs.
        open: the function that loads a model folder, with the settings of the study's section ``engine``.
    """

    package: str
    open: Callable[[Path, EngineSettings], Engine]
