"""The transformers engine: exact, runs wherever PyTorch does, and has its own continuous batching."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m1flow.engines.backend import Backend
from m1flow.engines.interface import Completion, EngineTally, Request, check_cpu_will_do, check_request
from m1flow.errors import M1FlowError
from m1flow.models.folder import context_length, model_id
from m1flow.models.gpus import avoid_slow_attention
from m1flow.study.settings.engine import EngineSettings

_REFILL_SHARE = 0.5  # new requests join once this share of the rows is free: fewer, larger prefills
_JOIN_SHARE = 0.25  # and once they are this share of the running rows: joining copies the cache of all
_PREFILL_TOKENS = 16384  # maximum of one prefill, with padding: bounds the memory of activations


class TransformersEngine:
    """Decodes a batch of rows; finished rows leave at once and waiting requests take their place."""

    def __init__(self, model_folder: Path | str, settings: EngineSettings) -> None:
        """Load the model; see `opening.open_engine` for the settings."""
        import torch

        from m1flow.engines.batch import Batch

        self.folder = Path(model_folder)
        self.context = context_length(self.folder, settings.max_model_len)
        self.model_id = model_id(self.folder, settings.dtype)
        self.tally = EngineTally()
        device = "cuda" if settings.gpus and torch.cuda.is_available() else "cpu"
        if device == "cuda":
            avoid_slow_attention()
        else:
            check_cpu_will_do(settings, "transformers")
            torch.set_num_threads(settings.threads)
        model = _load(self.folder, settings.dtype, device)
        self._max_rows = settings.batch_size
        self._max_slots = _kv_slots(model, settings)
        self._batch: Any = Batch(model)
        self._waiting: list[Request] = []
        self._ended: deque[tuple[Request, Completion]] = deque()  # kept if the caller breaks off an iteration

    def submit(self, request: Request) -> None:
        """Queue a request; it runs with the others while `finished` is iterated."""
        check_request(request, self.context, self.folder)
        self._waiting.append(request)

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests as they finish, until none is left."""
        while self._waiting or self._batch.rows or self._ended:
            while self._ended:
                yield self._ended.popleft()
            running = len(self._batch.rows)
            enough = len(self._waiting) >= min(running * _JOIN_SHARE, self._max_rows * _REFILL_SHARE)
            if self._waiting and enough and running <= self._max_rows * (1 - _REFILL_SHARE):
                self._admit()
            if self._batch.rows:
                for request, completion in self._batch.draw():
                    self.tally.add(request, completion)
                    self._ended.append((request, completion))
                self._batch.step()

    def close(self) -> None:
        """Release the model."""
        self._waiting.clear()
        self._batch = None

    def _admit(self) -> None:
        """Add waiting requests to the batch, shortest prompts first, so that a prefill has prompts of like length."""
        self._waiting.sort(key=lambda request: (len(request.prompt), request.max_tokens))
        while count := self._fitting():
            self._batch.join(self._waiting[:count])
            del self._waiting[:count]

    def _fitting(self) -> int:
        """The number of waiting requests that fit now: into free rows, one prefill, and memory at their full length."""
        rows, width, remaining = len(self._batch.rows), self._batch.width, self._batch.remaining
        count = 0
        for request in self._waiting:
            width, remaining = max(width, len(request.prompt)), max(remaining, request.max_tokens)
            rows += 1
            full = rows > self._max_rows or rows * (width + remaining) > self._max_slots
            if (full and rows > 1) or (count and (count + 1) * len(request.prompt) > _PREFILL_TOKENS):
                break
            count += 1
        return count


ENGINE = Backend(
    package="transformers",
    stops_at_text=True,
    gives_logprobs=True,
    caches_prefixes=False,
    in_process=True,
    splits_models=False,
    open=TransformersEngine,
)


def _load(folder: Path, dtype: str, device: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    if not hasattr(torch, dtype):
        raise M1FlowError(f"engine.dtype: {dtype!r} is not a dtype; use float32, bfloat16 or float16")
    transformers_logging.disable_progress_bar()
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="sdpa",
        )
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise M1FlowError(
            f"{folder}: transformers can't load this model ({' '.join(str(error).split())[:300]}); "
            "check its config.json, or train or download the model again"
        ) from error
    return model.to(device).eval()


def _kv_slots(model: Any, settings: EngineSettings) -> int:
    """The number of tokens whose keys and values fit into memory, over all rows and with padding."""
    import torch

    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token_bytes = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
    memory = settings.memory_mb << 20
    if model.device.type == "cuda":
        free, total = torch.cuda.mem_get_info()
        spare = free - total * (1 - settings.gpu_memory_utilization)
        memory = int(max(spare, 0) / 2)  # joining and dropping rows copies the cache
    return memory // token_bytes
