"""Nothing generated is lost or paid for twice: an append-only journal, and an engine that answers from it.

A journal is a JSONL file. Each line is ``{"key":...,"record":...,"check":...}``, where check is the CRC-32 of the bytes
before it, so that a line is either whole or ignored. A process killed at any instant loses at most the line that it was
writing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from m1flow import storage
from m1flow.engines import Completion, Engine, Request, end_of

logger = logging.getLogger(__name__)

_HEAD = b'{"key":"'
_CHECK = b',"check":"%08x"}'
_CHECK_LENGTH = len(_CHECK % 0)
_SYNC_SECONDS = 1.0


class Journal:
    """An append-only file of records by key, safe to share between processes and threads.

    The index holds one file offset per key, so memory grows with the number of records and not with their length. A key
    appended again takes its newest record. Lines that are torn or corrupt are skipped and counted in ``skipped``.
    """

    def __init__(self, path: Path | str) -> None:
        """Open ``path``, creating it and its folders where absent, and index what it holds.

        Raises:
            M1FlowError: the path can't be opened for appending.
        """
        self.path = Path(path)
        self.skipped = 0
        self._index: dict[str, int] = {}
        self._scanned = 0
        self._synced = time.monotonic()
        self._mutex = threading.RLock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise storage.M1FlowError(
                f"{self.path}: the journal can't be opened ({os.strerror(error.errno or 0)}); "
                "make the path writable, then rerun"
            ) from None
        self._reader = os.fdopen(os.dup(self._handle), "rb")
        with self._locked():
            if repair := self._missing_newline():
                os.write(self._handle, repair)
            self._scan()
        if self.skipped:
            logger.warning(
                "%s: %d torn or corrupt lines ignored, %d records kept", path, self.skipped, len(self._index)
            )

    def __contains__(self, key: str) -> bool:
        """Whether a record is there, appended by this process or another."""
        with self._mutex:
            if key not in self._index:
                self._scan()
            return key in self._index

    def __len__(self) -> int:
        """The number of keys."""
        with self._mutex:
            self._scan()
            return len(self._index)

    def keys(self) -> list[str]:
        """Every key, in the order of first appearance."""
        with self._mutex:
            self._scan()
            return list(self._index)

    def get(self, key: str) -> Any | None:
        """The newest record under ``key``, or None."""
        with self._mutex:
            self._scan()
            offset = self._index.get(key)
            if offset is None:
                return None
            self._reader.seek(offset)
            return json.loads(self._reader.readline())["record"]

    def append(self, key: str, record: Any) -> None:
        """Add a record; it outlives the process once this returns, and the machine once it is flushed to the disk.

        That happens at an append, when the last flush is over a second ago, and on `close`.

        Args:
            key: plain ASCII without quotes or backslashes, such as `storage.fingerprint` returns.
            record: any JSON-like value.
        """
        if not key.isascii() or not key.isprintable() or '"' in key or "\\" in key:
            raise ValueError(f"journal key {key!r} must be printable ASCII without quotes and backslashes")
        body = json.dumps({"key": key, "record": record}, separators=(",", ":")).encode()[:-1]
        line = body + _CHECK % zlib.crc32(body) + b"\n"
        with self._mutex, self._locked():
            line = self._missing_newline() + line
            written = os.write(self._handle, line)
            while written < len(line):  # a disk that is nearly full takes a part; the next call raises
                written += os.write(self._handle, line[written:])
            self._scan()
            if time.monotonic() - self._synced >= _SYNC_SECONDS:
                self._sync()

    def close(self) -> None:
        """Flush to the disk and let go of the file; closing twice is harmless."""
        with self._mutex:
            if self._reader.closed:
                return
            self._sync()
            self._reader.close()
            os.close(self._handle)

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            yield
        except OSError as error:  # a full disk: os.write doesn't say of which file
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self.path)) from error
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _missing_newline(self) -> bytes:
        """The newline that ends another's torn line, so that the next record starts a line of its own."""
        size = os.fstat(self._handle).st_size
        return b"" if size == 0 or os.pread(self._handle, 1, size - 1) == b"\n" else b"\n"

    def _scan(self) -> None:
        """Index the whole lines appended since the last look, by whichever process."""
        if os.fstat(self._handle).st_size <= self._scanned:
            return
        self._reader.seek(self._scanned)
        for line in self._reader:
            if not line.endswith(b"\n"):  # another process is in the middle of it, or died there: look again later
                return
            key = _key_of(line)
            if key is not None:
                self._index[key] = self._scanned
            elif line.strip():
                self.skipped += 1
            self._scanned += len(line)

    def _sync(self) -> None:
        os.fsync(self._handle)
        self._synced = time.monotonic()


def _key_of(line: bytes) -> str | None:
    """The key of a whole line; None where the line is torn or corrupt."""
    text = line.rstrip(b"\r\n")
    body, check = text[:-_CHECK_LENGTH], text[-_CHECK_LENGTH:]
    if not body.startswith(_HEAD) or check != _CHECK % zlib.crc32(body):
        return None
    return body[len(_HEAD) : body.index(b'"', len(_HEAD))].decode("ascii")


@dataclass
class JournalTally:
    """What was answered from the journal, what had to be generated, and how long that took.

    ``seconds`` are those from the opened engine to the last generation, the opening not counted.
    """

    reused_requests: int = 0
    reused_tokens: int = 0
    generated_requests: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0


@dataclass
class _Flight:
    """One generation under way and the requests that wait for it; each asks for at most its limit and its end."""

    request: Request
    waiting: list[Request] = field(default_factory=list)

    def covers(self, request: Request) -> bool:
        """Whether what is under way will hold what the request asks for."""
        until = self.request.until
        return self.request.max_tokens >= request.max_tokens and (until is None or until is request.until)


class JournalledEngine:
    """An engine that generates only what its journal doesn't hold, and journals what it generates.

    The key of a generation is its model, prompt, sampling, stop tokens and whether log-probabilities were asked for;
    the limit ``max_tokens`` and the text ``until`` are left out. That is exact, because they decide only where a
    generation ends and not what comes before: greedy decoding takes the likeliest token at each step, sampled decoding
    takes the noise of step i from the i-th draw of the request's own seeded generator, on both engines. So what was
    generated under a limit, cut at a smaller one or where a text ends, is what that would have given.
    """

    def __init__(self, engine_factory: Callable[[], Engine], model_id: str, journal: Journal) -> None:
        """Wrap an engine that is opened once something must be generated.

        Args:
            engine_factory: opens the engine.
            model_id: what `engines.model_id` gives for the model; part of every key.
            journal: where to look and to append. The caller closes it.
        """
        self.model_id = model_id
        self.tally = JournalTally()
        self._factory = engine_factory
        self._engine: Engine | None = None
        self._opened = 0.0
        self._journal = journal
        self._ready: deque[tuple[Request, Completion]] = deque()
        self._flights: dict[str, list[_Flight]] = {}

    def submit(self, request: Request) -> None:
        """Answer from the journal, else join an equal generation under way, else generate."""
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
        if (
            not stored or _answer(stored, generated) is None
        ):  # else another process was quicker: don't hide its longer record
            self._journal.append(key, record)
        self._flights[key].remove(flight)
        if not self._flights[key]:
            del self._flights[key]
        self.tally.generated_requests += 1
        if not generated.given:  # what is given is read, not generated
            self.tally.generated_tokens += len(completion.token_ids) + completion.finished
        self.tally.seconds = time.monotonic() - self._opened
        first, *others = flight.waiting
        self._ready.append((first, completion))
        for request in others:
            self._reuse(request, _answer(record, request))

    def _reuse(self, request: Request, completion: Completion) -> None:
        self.tally.reused_requests += 1
        self.tally.reused_tokens += len(completion.token_ids) + completion.finished
        self._ready.append((request, completion))


def request_key(model_id: str, request: Request) -> str:
    """The journal key of a generation: everything that decides its tokens, but not where they are cut."""
    sampling = request.sampling
    drawn = [sampling.temperature, sampling.top_p, sampling.seed] if sampling.temperature > 0 else "greedy"
    prompt = storage.fingerprint(list(request.prompt))
    rarer = {"min_tokens": request.min_tokens, "given": list(request.given)}
    told = [{name: value for name, value in rarer.items() if value}] if any(rarer.values()) else []
    return storage.fingerprint([model_id, prompt, drawn, sorted(set(request.stop)), request.logprob, *told])


def _record(completion: Completion) -> dict:
    record = {"token_ids": list(completion.token_ids), "stop_token": completion.stop_token}
    if completion.token_logprobs is not None:
        record["token_logprobs"] = list(completion.token_logprobs)
    return record


def _answer(record: dict, request: Request) -> Completion | None:
    """What a stored record answers to a request, or None where it is too short.

    A natural end counts its stop token against the limit: n tokens and a stop fit a limit of n + 1. Under a limit of n
    or less the same generation is cut before its end. A record that was itself cut answers limits up to its length.
    """
    token_ids, stop_token, logprobs = record["token_ids"], record["stop_token"], record.get("token_logprobs")
    end = end_of(request.until, token_ids)
    if end is None and stop_token is not None and len(token_ids) + 1 <= request.max_tokens:
        return Completion.of(token_ids, stop_token, logprobs)
    if end is None and len(token_ids) < request.max_tokens:
        return None
    kept = request.max_tokens if end is None else min(end, request.max_tokens)
    return Completion.of(token_ids[:kept], None, logprobs and logprobs[:kept])
