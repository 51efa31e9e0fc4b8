"""An engine that is opened again with smaller settings if it runs out of memory, and finishes the open requests."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from m1flow.engines.interface import Completion, Engine, Request
from m1flow.errors import M1FlowError
from m1flow.models.gpus import free_memory
from m1flow.study.settings.engine import EngineSettings
from m1flow.text.shown import one_line

log = logging.getLogger(__name__)

_CACHE_TOO_SMALL = ("no available memory for the cache blocks", "larger than the available kv cache memory")
_TAKEN_BY_OTHERS = "less than desired gpu memory utilization"
_CURE = (
    "lower engine.batch_size or engine.max_model_len, or provide more memory: on GPUs with a larger "
    "engine.tensor_parallel_size, on a CPU with a larger engine.memory_mb"
)
_CURE_IF_TAKEN = (
    "end the other processes that use this GPU (nvidia-smi lists them), or lower engine.gpu_memory_utilization"
)


class RetryingEngine:
    """Opens an engine at once, and again with smaller settings if memory runs out, at the start or later."""

    def __init__(
        self, factory: Callable[[EngineSettings], Engine], settings: EngineSettings, context: Callable[[], int]
    ):
        """Open an engine.

        Args:
            factory: opens an engine with settings.
            settings: the config's ``engine``.
            context: returns the length in tokens of the longest request to come, prompt included; smaller settings
                allow no more.

        Raises:
            M1FlowError: memory runs out even with the smaller settings.
        """
        self._factory, self._settings, self._context = factory, settings, context
        self._under_way: dict[int, Request] = {}
        self._numbers = itertools.count()
        self._retried = False
        self._engine = self._open()
        self.model_id = self._engine.model_id

    def submit(self, request: Request) -> None:
        """Queue a request; it runs with the others while `finished` is iterated."""
        number = next(self._numbers)
        self._under_way[number] = request
        self._engine.submit(replace(request, tag=number))

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests as they finish, until none is left."""
        while self._under_way:
            try:
                for numbered, completion in self._engine.finished():
                    yield self._under_way.pop(numbered.tag), completion
                continue
            except Exception as error:
                self._shrink(error)
            # Only after the handler: the error's traceback keeps the engine's tensors alive while it is handled.
            self._engine.close()
            self._engine = self._open()
            for number, request in self._under_way.items():
                self._engine.submit(replace(request, tag=number))

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _open(self) -> Engine:
        free_memory()
        try:
            return self._factory(self._settings)
        except Exception as error:
            self._shrink(error)
        free_memory()
        try:
            return self._factory(self._settings)
        except Exception as error:
            self._shrink(error)
            raise

    def _shrink(self, error: Exception) -> None:
        """Make the settings smaller once; errors that are not about memory are re-raised."""
        reason = _out_of_memory(error)
        if reason is None:
            raise error
        if self._retried:
            cure = _CURE_IF_TAKEN if _TAKEN_BY_OTHERS in reason.lower() else _CURE
            raise M1FlowError(f"engine: out of memory, even with smaller settings ({reason}); {cure}") from None
        self._retried = True
        smaller = smaller_settings(self._settings, self._context(), reason)
        changed = {key: value for key, value in smaller.dump().items() if value != getattr(self._settings, key)}
        log.warning("out of memory (%s): trying once more with %s", reason, changed)
        self._settings = smaller


def smaller_settings(settings: EngineSettings, context: int, reason: str) -> EngineSettings:
    """Engine settings that need less memory: half the batch, and no more context than needed.

    Args:
        settings: the config's ``engine``.
        context: tokens of the longest request.
        reason: the message of the engine's error.
    """
    share = settings.gpu_memory_utilization
    # A cache that is too small needs a larger part of the GPU; otherwise the memory outside the cache is too small.
    cache_too_small = any(text in reason.lower() for text in _CACHE_TOO_SMALL)
    return settings.model_copy(
        update={
            "batch_size": max(1, settings.batch_size // 2),
            "max_model_len": min(context, settings.max_model_len or context),
            "gpu_memory_utilization": max(share, 0.95) if cache_too_small else round(share * 0.85, 3),
        }
    )


def _out_of_memory(error: BaseException | None) -> str | None:
    """The message of an error in one line if it, or one of its causes, is about memory, else None."""
    while error is not None:
        text = str(error).lower()
        if isinstance(error, MemoryError) or any(
            sign in text for sign in (*_CACHE_TOO_SMALL, _TAKEN_BY_OTHERS, "out of memory", "can't allocate memory")
        ):
            return one_line(error) or type(error).__name__
        error = error.__cause__
    return None
