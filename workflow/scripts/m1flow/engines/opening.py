"""Opening an engine by name."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from m1flow.engines.backend import Backend
from m1flow.engines.interface import Completion, Engine, Request
from m1flow.errors import M1FlowError
from m1flow.models.folder import check_model_folder
from m1flow.study.seams.engines import ENGINES
from m1flow.study.settings.engine import EngineSettings

log = logging.getLogger(__name__)


def open_engine(model_folder: Path | str, settings: EngineSettings) -> Engine:
    """Load a model.

    Args:
        model_folder: a Hugging Face model folder with safetensors weights.
        settings: the engine's settings; ``auto`` takes vllm if it is installed, else transformers.

    Returns:
        The engine, which refuses requests beyond the abilities that its backend declares.

    Raises:
        M1FlowError: the model folder isn't whole, the engine isn't installed or doesn't support the settings, or GPUs
            are asked for and there are none.
    """
    check_model_folder(model_folder)
    name = _chosen(settings)
    backend = ENGINES.load(name, Backend)
    engine = backend.open(Path(model_folder), settings)
    caching = "" if backend.caches_prefixes else ": a thought is computed again for each budget that cuts it"
    log.info("engine %s%s", versions(backend.package, "torch"), caching)
    return engine if backend.stops_at_text and backend.gives_logprobs else _LimitedEngine(engine, name, backend)


def versions(*packages: str) -> str:
    """The packages that are loaded, each with its version if it states one."""
    loaded = [(name, sys.modules[name]) for name in packages if name in sys.modules]
    return ", ".join(f"{name} {getattr(module, '__version__', '')}".strip() for name, module in loaded)


def _chosen(settings: EngineSettings) -> str:
    """The first candidate that is installed."""
    for name in settings.candidates:
        if importlib.util.find_spec(ENGINES.load(name, Backend).package) is not None:
            return name
    raise M1FlowError(
        f"engine.name: {settings.candidates[-1]} is not installed here; install it (docs/running/installation.md), or "
        "set engine.name to transformers or auto"
    )


class _LimitedEngine:
    """An engine with limited abilities; requests beyond them are refused before they reach it."""

    def __init__(self, engine: Engine, name: str, backend: Backend) -> None:
        self.model_id = engine.model_id
        self._engine, self._name, self._backend = engine, name, backend

    def submit(self, request: Request) -> None:
        """Take a request, unless it is beyond the engine's abilities."""
        if request.until is not None and not self._backend.stops_at_text:
            self._refuse("can't stop at a text, such as a marker of several tokens or a closed box")
        if (request.logprob or request.given) and not self._backend.gives_logprobs:
            self._refuse("gives no log-probabilities")
        self._engine.submit(request)

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests as they finish, until none is left."""
        return self._engine.finished()

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _refuse(self, inability: str) -> None:
        raise M1FlowError(f"engine.name: {self._name} {inability}; choose another engine for this study")
