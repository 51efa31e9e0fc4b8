"""The vLLM engine: runs in this process with one step loop and prefix caching; the code is the same on CPU and GPU."""

from __future__ import annotations

import contextlib
import gc
import itertools
import logging
import os
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from m1flow.engines.backend import Backend
from m1flow.engines.interface import Completion, EngineTally, Request, Until, check_cpu_will_do, check_request
from m1flow.errors import M1FlowError
from m1flow.models.folder import context_length, model_id
from m1flow.study.settings.engine import EngineSettings

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # run in this process, without a second Python and sockets
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # two engines at once must not pin themselves to the same core
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_PLUGINS": "",
    # Samples have seeds, for which vLLM never takes FlashInfer's sampler; warming it up needs nvcc and ninja.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "FLASHINFER_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
    "GLOO_LOG_LEVEL": "ERROR",
}
# In tokens. The CPU kernels need a multiple of 32; the smallest block caches most of a short prompt.
_CPU_BLOCK = 32
# Prompt tokens computed in one step on the CPU, unless a whole prompt needs more.
_CPU_STEP = 4096
_UNTIL = "until"  # vLLM's stop reason for a generation that a text ended


class VllmEngine:
    """Streams requests through vLLM's own continuous batching.

    Prompts with the same beginning share their KV cache while it is warm. This makes answers to cut thoughts cheap if
    they are submitted as soon as the thinking that they continue has ended.
    """

    _open: ClassVar[list[VllmEngine]] = []
    _closed: ClassVar[list[Any]] = []

    def __init__(self, model_folder: Path | str, settings: EngineSettings, started: Any = None) -> None:
        """Load the model; see `opening.open_engine` for the settings.

        Args:
            model_folder: a Hugging Face model folder.
            settings: the config's ``engine``.
            started: a vLLM engine of this model to use instead of a new one.
        """
        self.folder = Path(model_folder)
        self.context = context_length(self.folder, settings.max_model_len)
        self.model_id = model_id(self.folder, settings.dtype)
        self.tally = EngineTally()
        self._engine = started or _start(self.folder, self.context, settings)
        VllmEngine._open.append(self)
        self._requests: dict[str, Request] = {}
        self._names = map(str, itertools.count())
        self._ended: deque[tuple[Request, Completion]] = deque()  # kept if the caller breaks off an iteration

    def submit(self, request: Request) -> None:
        """Queue a request; it runs with the others while `finished` is iterated."""
        check_request(request, self.context, self.folder)
        self._add(request, sampling_params(request))

    def _add(self, request: Request, parameters: Any) -> None:
        name = next(self._names)
        prompt = {"prompt_token_ids": [*request.prompt, *request.given]}
        known_as = self._engine.add_request(name, prompt, parameters)
        if request.until is not None:
            self._engine.output_processor.request_states[known_as].detokenizer = _watching(request.until)
        self._requests[name] = request

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests as they finish, until none is left."""
        while self._requests or self._ended:
            while self._ended:
                yield self._ended.popleft()
            for output in self._engine.step() if self._requests else ():
                if output.finished:
                    request = self._requests.pop(output.request_id)
                    if request.given and (output.num_cached_tokens or 0) >= len(request.prompt):
                        # Given tokens found in a warm cache get no log-probability: repeat without the cache.
                        self._add(request, sampling_params(request, read_cache=False))
                        continue
                    completion = _judged(output, request) if request.given else _completion(output.outputs[0], request)
                    self.tally.add(request, completion, output.num_cached_tokens or 0)
                    self._ended.append((request, completion))

    def close(self) -> None:
        """Shut the engine down and free its memory, once no other vLLM engine is open in this process.

        Engines share process groups, which a shutdown ends; therefore all are shut down with the last one.
        """
        from vllm.platforms import current_platform

        if self._engine is None:
            return
        VllmEngine._open.remove(self)
        VllmEngine._closed.append(self._engine)
        self._engine = None
        if not VllmEngine._open:
            with _no_garbage_collection() if current_platform.is_cpu() else contextlib.nullcontext():
                while VllmEngine._closed:
                    VllmEngine._closed.pop().engine_core.shutdown()


ENGINE = Backend(
    package="vllm",
    stops_at_text=True,
    gives_logprobs=True,
    caches_prefixes=True,
    in_process=True,
    splits_models=True,
    open=VllmEngine,
)


def sampling_params(request: Request, *, read_cache: bool = True) -> Any:
    """The sampling parameters of a request, for vLLM."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    final = RequestOutputKind.FINAL_ONLY
    if request.given:  # read as a prompt; by default, vLLM would recompute it all for the prompt's log-probabilities
        return SamplingParams(
            max_tokens=1,
            temperature=0.0,
            ignore_eos=True,
            detokenize=False,
            prompt_logprobs=0,
            skip_reading_prefix_cache=not read_cache,
            output_kind=final,
        )
    sampling = request.sampling
    return SamplingParams(
        max_tokens=request.max_tokens,
        min_tokens=request.min_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p if sampling.temperature > 0 else 1.0,
        seed=sampling.seed if sampling.temperature > 0 else None,
        stop_token_ids=list(request.stop),
        ignore_eos=True,
        detokenize=False,
        logprobs=0 if request.logprob else None,
        output_kind=final,
    )


def _watching(until: Until) -> Any:
    """A check of ``until`` after each token, in place of vLLM's detokenizer and its stop strings."""
    from vllm.v1.engine.detokenizer import IncrementalDetokenizer

    class Watching(IncrementalDetokenizer):
        def update(self, new_token_ids: list[int], stop_terminated: bool) -> str | None:
            for token in new_token_ids:
                self.token_ids.append(token)
                if not stop_terminated and until.met(self.token_ids):
                    return _UNTIL
            return None

    return Watching()


def engine_arguments(folder: Path, context: int, settings: EngineSettings) -> dict[str, Any]:
    """The engine's settings as vLLM's arguments; also sets the environment that vLLM reads when it is imported."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
    from vllm.platforms import current_platform

    arguments: dict[str, Any] = {
        "model": str(folder),
        "trust_remote_code": False,
        "load_format": "safetensors",
        "dtype": settings.dtype,
        "max_model_len": context,
        "max_num_seqs": settings.batch_size,
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
    }
    if current_platform.is_cpu():
        check_cpu_will_do(settings, "vllm")
        _use_threads(settings.threads)
        _compile_nothing()
        return arguments | {
            "enforce_eager": True,
            "block_size": _CPU_BLOCK,
            "kv_cache_memory_bytes": settings.memory_mb << 20,
            # A prompt in chunks would draw a token per chunk, which vLLM can undo only with CUDA's generators.
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": max(context, _CPU_STEP),
            "use_fp64_gumbel": True,  # torch's generators and no fused kernel: samples equal the other engine's
        }
    return arguments | {
        "tensor_parallel_size": settings.tensor_parallel_size,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
    }


def _start(folder: Path, context: int, settings: EngineSettings) -> Any:
    arguments = engine_arguments(folder, context, settings)
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.llm_engine import LLMEngine

    try:
        with _no_garbage_collection(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # vLLM's own, about its use of torch
            # As vLLM's own LLM class asks: 8,192 or 16,384 tokens in a step on a GPU, by its memory, instead of 2,048.
            config = EngineArgs(**arguments).create_engine_config(UsageContext.LLM_CLASS)
            if current_platform.is_cpu():
                _check_heads(config.model_config.get_head_size())
            return LLMEngine.from_vllm_config(config, disable_log_stats=True)
    except (ValueError, RuntimeError) as error:
        _unhook_models()
        raise M1FlowError(
            f"{folder}: vLLM can't load this model ({' '.join(str(error).split())[:300]}); "
            "change the setting that vLLM names, or set engine.name to transformers"
        ) from error


def _unhook_models() -> None:
    """Let a model go whose engine didn't start: until it is unhooked, torch's compiler holds it, and its memory.

    vLLM unhooks a model when its engine is deleted, but there is none to delete if the start fails.
    """
    from vllm.compilation.wrapper import TorchCompileWithNoGuardsWrapper

    for thing in gc.get_objects():
        if issubclass(type(thing), TorchCompileWithNoGuardsWrapper):
            thing.cleanup()


def _check_heads(width: int) -> None:
    """Refuse a width of attention heads that the CPU kernels would otherwise reject only in the first step."""
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    widths = CPUAttentionBackend.get_supported_head_sizes()
    if width not in widths:
        supported = ", ".join(map(str, widths))
        raise ValueError(f"its attention heads are {width} wide, but the CPU kernels support only {supported}")


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Skip explicit garbage collections: vLLM runs seven, and each takes two seconds because so much is imported."""
    collect, gc.collect = gc.collect, lambda *_: 0
    try:
        yield
    finally:
        gc.collect = collect


def _use_threads(threads: int) -> None:
    """Set the number of OpenMP threads in torch, since its library is loaded and no longer reads the environment."""
    import torch

    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def _compile_nothing() -> None:
    """Run the functions for log-probabilities eagerly; vLLM would compile them with torch even in its eager mode.

    Compiling takes seconds, needs a C++ compiler and saves 60 microseconds a step; without a compiler, the engine
    stops.
    """
    import torch

    torch.compiler.set_stance("force_eager")


def _completion(output: Any, request: Request) -> Completion:
    token_ids = list(output.token_ids)
    stop_token = None
    if output.finish_reason == "stop":
        stop_token = token_ids.pop() if output.stop_reason != _UNTIL else None
    elif output.finish_reason != "length":
        raise RuntimeError(f"vLLM ended a request with {output.finish_reason!r}")
    logprobs = None
    if request.logprob:
        logprobs = [step[token].logprob for token, step in zip(token_ids, output.logprobs, strict=False)]
    return Completion.of(token_ids, stop_token, logprobs)


def _judged(output: Any, request: Request) -> Completion:
    steps = output.prompt_logprobs[-len(request.given) :]
    logprobs = [step[token].logprob for token, step in zip(request.given, steps, strict=True)]
    return Completion.of(request.given, None, logprobs)
