"""An engine that answers from its journal, and journals new generations."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from m1flow.engines.interface import Completion, Engine, EngineTally, Request, end_of
from m1flow.files.fingerprints import fingerprint
from m1flow.files.journal import Journal

logger = logging.getLogger(__name__)


@dataclass
class _Flight:
    """A generation under way and the requests that wait for it; it covers the limit and end of each."""

    request: Request
    waiting: list[Request] = field(default_factory=list)

    def covers(self, request: Request) -> bool:
        """Whether the generation under way will cover the request."""
        until = self.request.until
        return self.request.max_tokens >= request.max_tokens and (until is None or until is request.until)


class JournalledEngine:
    """An engine that generates only completions that its journal lacks, and journals them.

    The key of a generation is its model, prompt, sampling, stop tokens and whether log-probabilities were asked for;
    the limit ``max_tokens`` and the text ``until`` are left out. This is exact, because they decide only where a
    generation ends, not the tokens before: greedy decoding takes the likeliest token at each step, and sampled decoding
    takes the noise of step i from the i-th draw of the request's own seeded generator, on every engine. Therefore a
    longer generation, cut at a smaller limit or at the end of a text, equals the generation under that limit or text.

    Attributes:
        reused: counts of requests answered from the journal, or by a generation that another request had begun.
        generated: counts of requests that had to be generated.
        seconds: time in seconds from the end of the engine's opening to the last generation.
    """

    def __init__(self, engine_factory: Callable[[], Engine], model_id: str, journal: Journal) -> None:
        """Wrap an engine, which is opened on the first request that must be generated.

        Args:
            engine_factory: opens the engine.
            model_id: the model's id from `models.folder.model_id`; part of every key.
            journal: the journal to read and to append to. The caller closes it.
        """
        self.model_id = model_id
        self.reused, self.generated, self.seconds = EngineTally(), EngineTally(), 0.0
        self._factory = engine_factory
        self._engine: Engine | None = None
        self._opened = 0.0
        self._journal = journal
        self._ready: deque[tuple[Request, Completion]] = deque()
        self._flights: dict[str, list[_Flight]] = {}

    def submit(self, request: Request) -> None:
        """Answer from the journal, else wait for an equal generation under way, else generate."""
        key = request_key(self.model_id, request)
        stored = self._journal.get(key)
        completion = stored and _answer(stored, request)
        if completion:
            self._reuse(request, completion)
            return
        for flight in self._flights.get(key, []):
            if flight.covers(request):
                flight.waiting.append(request)
                return
        if self._engine is None:
            self._engine = self._factory()
            self._opened = time.monotonic()
        flight = _Flight(request, [request])
        self._engine.submit(replace(request, tag=(key, flight)))
        self._flights.setdefault(key, []).append(flight)

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests with their completions until nothing is left; more may be submitted meanwhile."""
        while self._ready or self._flights:
            while self._ready:
                yield self._ready.popleft()
            if self._flights:
                assert self._engine is not None  # there are flights only if it is open
                for generated, completion in self._engine.finished():
                    self._land(generated, completion)
                    while self._ready:
                        yield self._ready.popleft()
                if self._flights and not self._ready:
                    raise RuntimeError(f"the engine ended with {len(self._flights)} generations unanswered")

    def close(self) -> None:
        """Close the inner engine, if it was opened."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _land(self, generated: Request, completion: Completion) -> None:
        key, flight = generated.tag
        record = _record(completion)
        stored = self._journal.get(key)
        if not stored or _answer(stored, generated) is None:  # otherwise keep the longer record of another process
            self._journal.append(key, record)
        self._flights[key].remove(flight)
        if not self._flights[key]:
            del self._flights[key]
        self.generated.add(generated, completion)
        self.seconds = time.monotonic() - self._opened
        first, *others = flight.waiting
        self._ready.append((first, completion))
        for request in others:
            answer = _answer(record, request)
            assert answer is not None  # the flight covers it
            self._reuse(request, answer)

    def _reuse(self, request: Request, completion: Completion) -> None:
        self.reused.add(request, completion)
        self._ready.append((request, completion))


def request_key(model_id: str, request: Request) -> str:
    """The journal key of a generation: everything that decides its tokens, without their limit."""
    sampling = request.sampling
    stream = [sampling.temperature, sampling.top_p, sampling.seed] if sampling.temperature > 0 else "greedy"
    prompt = fingerprint(list(request.prompt))
    optional = {"min_tokens": request.min_tokens, "given": list(request.given)}
    extra = [{name: value for name, value in optional.items() if value}] if any(optional.values()) else []
    return fingerprint([model_id, prompt, stream, sorted(set(request.stop)), request.logprob, *extra])


def _record(completion: Completion) -> dict:
    record: dict[str, Any] = {"token_ids": list(completion.token_ids), "stop_token": completion.stop_token}
    if completion.token_logprobs is not None:
        record["token_logprobs"] = list(completion.token_logprobs)
    return record


def _answer(record: dict, request: Request) -> Completion | None:
    """A stored record as the completion of a request, or None if it is too short.

    The stop token counts towards the limit: n tokens and a stop token need a limit of n + 1. Under a limit of n or
    less, the same generation is cut before its end. A record that was cut answers limits up to its length.
    """
    token_ids, stop_token, logprobs = record["token_ids"], record["stop_token"], record.get("token_logprobs")
    end = end_of(request.until, token_ids)
    if end is None and stop_token is not None and len(token_ids) + 1 <= request.max_tokens:
        return Completion.of(token_ids, stop_token, logprobs)
    if end is None and len(token_ids) < request.max_tokens:
        return None
    kept = request.max_tokens if end is None else min(end, request.max_tokens)
    return Completion.of(token_ids[:kept], None, logprobs and logprobs[:kept])
