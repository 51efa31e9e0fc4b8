"""The interface of engines: they take requests of token ids and give completions as they finish."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from m1flow.errors import M1FlowError
from m1flow.study.settings.engine import EngineSettings


@dataclass(frozen=True)
class Sampling:
    """Settings for drawing tokens: greedy at temperature 0, else from the request's own stream, seeded by ``seed``."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that engines treat differently: vLLM raises temperatures to 0.01, and takes none over 2."""
        if self.temperature != 0 and not 0.01 <= self.temperature <= 2:
            raise ValueError(f"temperature is {self.temperature}: it must be 0, or from 0.01 to 2")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}: it must be over 0 and at most 1")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}: it must be from 0 to 2**63 - 1")


class Until(Protocol):
    """A text that ends a generation, such as a marker of several tokens; it doesn't change the tokens."""

    def met(self, token_ids: Sequence[int]) -> bool:
        """Whether the last of these tokens completes the text; called after each token, so it must be quick."""


def end_of(until: Until | None, token_ids: Sequence[int]) -> int | None:
    """The number of tokens until the text is complete; None if it isn't."""
    if until is None:
        return None
    return next((n for n in range(1, len(token_ids) + 1) if until.met(token_ids[:n])), None)


@dataclass(frozen=True)
class Request:
    """One generation to make, or a given completion to score.

    Attributes:
        prompt: token ids, at least one.
        max_tokens: maximum number of generated tokens, stop token included; at least one.
        stop: token ids that end the generation. Nothing else does: a model's end-of-text token must be listed here.
        sampling: how tokens are drawn.
        logprob: whether the completion comes with its log-probability (at temperature 1, before top-p).
        min_tokens: number of tokens before a stop token may be drawn.
        given: an existing completion whose log-probability is wanted; nothing is generated.
        until: a text that also ends the generation. The completion holds all of its tokens, and isn't ``finished``.
        tag: the caller's own value, handed back with the completion.
    """

    prompt: tuple[int, ...]
    max_tokens: int
    stop: tuple[int, ...]
    sampling: Sampling = Sampling()
    logprob: bool = False
    min_tokens: int = 0
    given: tuple[int, ...] = ()
    until: Until | None = field(default=None, compare=False)
    tag: Any = field(default=None, compare=False)

    @classmethod
    def judging(cls, prompt: tuple[int, ...], given: tuple[int, ...], tag: Any = None) -> Request:
        """A request for the probability of ``given`` after the prompt, at temperature 1."""
        return cls(prompt, len(given), (), logprob=True, given=given, tag=tag)

    def __post_init__(self) -> None:
        """Refuse requests that no engine can answer."""
        if not self.prompt:
            raise ValueError("a request needs a prompt of at least one token")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}: a request generates at least one token")
        if self.given and self.max_tokens != len(self.given):
            raise ValueError(f"max_tokens is {self.max_tokens}: {len(self.given)} tokens are given")


@dataclass(frozen=True)
class Completion:
    """The result of a request.

    Attributes:
        token_ids: the generated tokens, without the stop token.
        finished: whether a stop token came; otherwise the limit or ``until`` ended the generation.
        stop_token: the stop token that came.
        logprob: the sum of the log-probabilities of ``token_ids``, if asked for.
        token_logprobs: the log-probability of each token.
    """

    token_ids: tuple[int, ...]
    finished: bool
    stop_token: int | None = None
    logprob: float | None = None
    token_logprobs: tuple[float, ...] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls, token_ids: Sequence[int], stop_token: int | None, token_logprobs: Sequence[float] | None = None
    ) -> Completion:
        """A completion of tokens (without the stop token), the stop token if one came, and the log-probabilities."""
        logprob = None if token_logprobs is None else math.fsum(token_logprobs)
        kept = None if token_logprobs is None else tuple(token_logprobs)
        return cls(tuple(token_ids), stop_token is not None, stop_token, logprob, kept)


@dataclass
class EngineTally:
    """Counts of answered requests; ``cached_tokens`` are the prompt tokens that were not computed again."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    decoded_tokens: int = 0

    def add(self, request: Request, completion: Completion, cached_tokens: int = 0) -> None:
        """Count one finished request; given tokens count as read, not decoded."""
        self.requests += 1
        self.prompt_tokens += len(request.prompt) + len(request.given)
        self.cached_tokens += cached_tokens
        if not request.given:
            self.decoded_tokens += len(completion.token_ids) + completion.finished


class Engine(Protocol):
    """A loaded model that answers requests.

    ``model_id`` identifies the model's weights, tokenizer, configuration and dtype, but not the engine.
    """

    model_id: str

    def submit(self, request: Request) -> None:
        """Take a request; its generation runs while `finished` is iterated."""

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests as they finish, until none is left; `submit` may be called meanwhile."""

    def close(self) -> None:
        """Free what the engine holds."""


def check_cpu_will_do(settings: EngineSettings, engine: str) -> None:
    """Refuse to go on without a GPU if the settings ask for one, since a model for GPUs is far too slow on the CPU.

    Raises:
        M1FlowError: ``engine.gpus`` asks for GPUs.
    """
    if settings.gpus:
        raise M1FlowError(
            f"engine.gpus: {engine} sees no GPU: this machine or job has none, or {engine}'s build for CPUs is "
            "installed; correct this (docs/running/installation.md, GPUs), or set engine.gpus to 0"
        )


def check_request(request: Request, context: int, folder: Path | str) -> None:
    """Refuse a request that doesn't fit the model's context with all tokens that it may generate.

    Raises:
        M1FlowError: prompt and limit together are longer than ``context`` tokens.
    """
    length = len(request.prompt) + request.max_tokens + bool(request.given)  # judging a text takes one more token
    if length > context:
        raise M1FlowError(
            f"{folder}: a prompt of {len(request.prompt)} tokens with up to {request.max_tokens} more needs a context "
            f"of {length}, but this model has only {context}; "
            "lower the limit (sweep.budgets, sweep.answer_tokens, max_tokens), or raise engine.max_model_len"
        )
