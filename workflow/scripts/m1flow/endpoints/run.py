"""One run against an endpoint: many requests at a time, failures retried, limits and the spending cap kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from m1flow.chat.turns import ModelTurn, UserTurn
from m1flow.endpoints.http import EndpointHttp
from m1flow.endpoints.ledger import Account, Ledger
from m1flow.endpoints.pace import Grant, Pace
from m1flow.endpoints.problems import Problems
from m1flow.endpoints.protocol import (
    Broken,
    Fatal,
    Passing,
    RejectedRequest,
    Reply,
    Silent,
    Unusable,
    failure,
    read_message,
    read_reply,
    redact,
    request_body,
)
from m1flow.endpoints.spending import Spending
from m1flow.study.settings.endpoints import EndpointSettings

log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
"""Maximum seconds before another attempt; waits are drawn from 0 to 1, 2, 4, ... up to this."""
_UNUSABLE = 8
"""Number of billed responses without a usable answer after which a question is given up."""
_PROBE = "What is 1 + 1?"
"""Sent if all questions are rejected, to find out whether the endpoint takes any."""
_OTHER_MODELS = 3
"""Number of responses from another model, with none from the right one, after which the config must be wrong."""


class _Ended(Exception):
    """Raised when the run is ending, so that nothing more is sent."""


@dataclass
class _Question:
    """A turn to be answered."""

    user_turn: UserTurn
    body: bytes
    most_tokens: tuple[int, int]
    at_most: float = 0.0
    began: float = 0.0
    deadline: float = 0.0
    unusable: int = 0
    probe: bool = False
    used: int | None = 0
    """Tokens of the last attempt; None if unknown."""


@dataclass
class _RunTally:
    """Counts of a run."""

    answered: int = 0
    given_up: int = 0
    last_cause: str = ""
    failures: Counter = field(default_factory=Counter)
    estimated_tokens: int = 0
    used_tokens: int = 0


@dataclass
class Endpoint:
    """State that all runs against an endpoint share.

    Attributes:
        name: the endpoint's name, for messages.
        settings: its entry in ``endpoints``.
        key: sent in a header, and used nowhere else.
        ledger: the ledger to enter its bills in.
        thinks: whether the model thinks before it answers.
        started: the time when the job began to ask; ``stop_after_minutes`` counts from here.
        seen: hashes of the ids of all responses taken so far.
    """

    name: str
    settings: EndpointSettings
    key: str | None = field(repr=False)
    ledger: Ledger
    thinks: bool
    started: float = field(default_factory=time.monotonic)
    seen: set[int] = field(default_factory=set)


class EndpointRun:
    """Workers that take questions from one iterator and leave turns in ``ready``, while `more` is awaited."""

    def __init__(self, endpoint: Endpoint, account: Account, user_turns: Iterator[UserTurn], max_tokens: int) -> None:
        """Prepare a run; `open` starts it."""
        settings = endpoint.settings
        self.ready: deque[tuple[UserTurn, ModelTurn]] = deque()
        self._endpoint, self._settings, self._key = endpoint, settings, endpoint.key
        self._user_turns, self._max_tokens = user_turns, max_tokens
        self._spending = Spending(endpoint.ledger, account, settings)
        self._problems = Problems(endpoint.name, settings)
        self._request_seconds = settings.request_seconds
        self._question_seconds = settings.question_seconds
        self._tally = _RunTally()
        self._problem: BaseException | None = None
        self._workers: set[asyncio.Task] = set()
        self._sending: set[asyncio.Task] = set()
        self._undecided: dict[asyncio.Task, str] = {}
        self._probing: asyncio.Task | None = None
        self._other_models = 0
        self._http: EndpointHttp | None = None
        self._last_success = float("-inf")

    async def open(self) -> None:
        """Start the workers; nothing is connected yet."""
        settings = self._settings
        self._pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
        self._news, self._settled, self._success = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._http = EndpointHttp(settings, self._key)
        loop = asyncio.get_running_loop()
        if settings.stop_after_minutes:
            seconds_left = self._endpoint.started + 60 * settings.stop_after_minutes - time.monotonic()
            loop.call_later(max(seconds_left, 0), self._out_of_time)
        for _ in range(settings.requests_in_flight):
            worker = loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._worker_ended)

    async def more(self) -> bool:
        """Wait until turns are ready; return False once no more will come."""
        while not self.ready and self._workers:
            self._news.clear()
            await self._news.wait()
        return bool(self.ready)

    def check(self) -> None:
        """Raise the problem that ended the run early, or an error if questions have no answer."""
        tally = self._tally
        if tally.failures:
            failures = ", ".join(f"{count:,} x {cause}" for cause, count in tally.failures.most_common(8))
            log.info("endpoint %s: failed attempts: %s", self._endpoint.name, failures)
        if self._problem is not None:
            raise self._problem from None
        if tally.given_up:
            raise self._problems.unanswered(tally.given_up, tally.last_cause, tally.answered)

    def interrupt(self) -> None:
        """End the run after Ctrl-C, without waiting for requests under way."""
        self._end(KeyboardInterrupt(), cancel=True)

    async def close(self) -> None:
        """End the requests under way, and disconnect."""
        self._problem = self._problem or _Ended()
        workers = [*self._workers, *([self._probing] if self._probing else [])]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    # One worker

    async def _work(self) -> None:
        for user_turn in self._user_turns:
            turn = await self._turn(self._question(user_turn))
            if turn is not None:
                self._tally.answered += 1
                self.ready.append((user_turn, turn))
                self._news.set()
            if self._problem is not None:
                return

    def _question(self, user_turn: UserTurn) -> _Question:
        body = request_body(self._settings, user_turn, self._max_tokens)
        tokens = self._spending.most_tokens(body["messages"][0]["content"], self._max_tokens)
        return _Question(user_turn, json.dumps(body).encode(), tokens)

    async def _turn(self, question: _Question) -> ModelTurn | None:
        """Get the turn; None if the question is given up or the run is ending."""
        try:
            return await self._attempts(question)
        except Passing as error:
            if self._problem is None:
                self._give_up(question, str(error))
        except RejectedRequest as error:
            if error.filtered or await self._others_succeed(str(error)):
                return ModelTurn("", "", 0, 0, finished=False, refused=True)
        except Fatal as error:
            self._end(self._problems.fatal(error))
        except _Ended:
            pass
        return None

    async def _attempts(self, question: _Question) -> ModelTurn:
        """Repeat requests until one is answered, at times named by the endpoint or with random back-off.

        Raises:
            Passing: the last failure, once the question's time is used up.
            RejectedRequest, Fatal: see `m1flow.endpoints.protocol`.
        """
        longest = 1.0
        while True:
            try:
                return await self._attempt(question)
            except Passing as error:
                wait = random.uniform(0, longest) if error.retry_after is None else error.retry_after
                if self._is_enough(question, wait):
                    raise
            longest = min(2 * longest, _LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def _attempt(self, question: _Question) -> ModelTurn:
        """Wait until a request may be sent, and send it once.

        Raises:
            Passing, RejectedRequest, Fatal: see `m1flow.endpoints.protocol`.
        """
        grant = await self._may_send(question)
        question.used = 0
        try:
            status, headers, body = await self._post(question)
            if status != 200:
                raise self._refusal(status, headers, body)
            return self._enter(question, body)
        except Passing as error:
            question.unusable += isinstance(error, Unusable)
            self._count(error)
            raise
        finally:
            self._spending.release(question.at_most)
            self._settled.set()
            if question.used is not None:
                self._pace.correct(grant, question.used)

    # Before a request

    async def _may_send(self, question: _Question) -> Grant | None:
        """Wait for pauses, rates and the cap. Only pauses count towards the question's time."""
        now = time.monotonic()
        if not question.began:
            question.began, question.deadline = now, now + self._question_seconds
        await self._pace.paused()
        waiting = time.monotonic()
        tally = self._tally
        share = tally.used_tokens / tally.estimated_tokens if tally.estimated_tokens else 1.0
        grant = await self._pace.clear(sum(question.most_tokens) * share)
        await self._reserve(question)
        question.deadline += time.monotonic() - waiting
        return grant

    async def _reserve(self, question: _Question) -> None:
        """Set aside the question's worst-case cost; near the cap, wait until other requests have returned theirs."""
        while self._problem is None:
            question.at_most = self._spending.at_most(question.most_tokens)
            if self._spending.reserve(question.at_most):
                return
            if self._sending:
                self._settled.clear()
                await self._settled.wait()
            else:
                self._end(self._problems.cap_reached(self._spending.spent, question.at_most, self._tally.answered))
        raise _Ended

    # The request and its response

    async def _post(self, question: _Question) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body; if a request that may be billed has no response, it is entered in the ledger."""
        seconds = min(self._request_seconds, max(question.deadline - time.monotonic(), 1.0))
        task = asyncio.current_task()
        assert task is not None and self._http is not None  # workers post, once the run is open
        self._sending.add(task)
        try:
            return await self._http.post(question.body, seconds)
        except asyncio.CancelledError:
            self._enter_unknown(question, "cancelled")
            raise
        except (Silent, Broken) as error:
            self._enter_unknown(question, str(error))
            raise
        finally:
            self._sending.discard(task)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        error = failure(status, headers, body)
        if status == 429 and isinstance(error, Passing) and error.retry_after is not None:
            self._pause(error.retry_after)
        error.args = (redact(str(error), self._key),)
        return error

    def _pause(self, seconds: float) -> None:
        """Pause all workers; a pause longer than a question may take ends the run."""
        if seconds >= self._question_seconds:
            self._end(self._problems.long_pause(seconds, self._tally.answered))
        self._pace.pause(seconds)

    def _enter(self, question: _Question, body: bytes) -> ModelTurn:
        """Enter a response in the ledger, and return its turn.

        Raises:
            Unusable: the response holds no answer, or one from another request or model.
        """
        try:
            reply = read_reply(body)
        except Broken as error:
            self._enter_unknown(question, str(error))
            raise
        except Passing as error:
            raise Passing(redact(str(error), self._key)) from None
        question.used = reply.usage.prompt_tokens + reply.usage.completion_tokens if reply.usage else None
        try:
            turn = self._read(reply)
        except Unusable as error:
            self._spending.enter(reply.usage, question.at_most, reply.response_id, str(error))
            raise
        wasted = "it was asked to see whether the endpoint takes requests" if question.probe else None
        self._spending.enter(reply.usage, question.at_most, reply.response_id, wasted)
        self._last_success = time.monotonic()
        self._success.set()
        if question.used is not None:
            self._tally.estimated_tokens += sum(question.most_tokens)
            self._tally.used_tokens += question.used
        return turn

    def _read(self, reply: Reply) -> ModelTurn:
        expected = self._settings.answers_as or self._settings.model
        digest = hash(reply.response_id) if reply.response_id else None  # memory grows by one number per question
        if digest in self._endpoint.seen:
            raise Unusable("the endpoint repeated an earlier response")
        if reply.model is not None and reply.model != expected:
            self._other_models += 1
            raise Unusable(f"the response is from the model {redact(reply.model, self._key)}, not {expected}")
        reasoning, answer, finished, refused = read_message(reply, self._endpoint.thinks)
        if digest is not None:
            self._endpoint.seen.add(digest)
        usage = reply.usage
        tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        cached = usage.cached_tokens if usage else 0
        return ModelTurn(reasoning, answer, *tokens, finished, refused, cached, self._spending.cost(usage))

    def _enter_unknown(self, question: _Question, cause: str) -> None:
        question.used = None
        self._spending.enter_unknown(question.at_most, cause)

    # After a failure

    def _count(self, error: Passing) -> None:
        cause = str(error)
        kind = cause.split(":")[0].split(" (")[0]
        if not self._tally.failures[kind]:
            log.warning("endpoint %s: %s; asking again", self._endpoint.name, cause)
        self._tally.failures[kind] += 1
        self._tally.last_cause = cause
        if self._other_models >= _OTHER_MODELS and self._last_success == float("-inf"):
            self._end(self._problems.other_model(cause))

    def _is_enough(self, question: _Question, wait: float) -> bool:
        late = time.monotonic() + wait >= question.deadline
        return late or question.unusable >= _UNUSABLE or self._problem is not None

    def _give_up(self, question: _Question, cause: str) -> None:
        self._tally.given_up += 1
        if self._last_success < question.began:
            silence = time.monotonic() - question.began
            self._end(self._problems.dead(silence, cause, self._tally.answered), cancel=True)

    async def _others_succeed(self, cause: str) -> bool:
        """Whether the endpoint still takes other requests, in which case the rejected request itself is at fault."""
        task, rejected = asyncio.current_task(), time.monotonic()
        assert task is not None
        self._undecided[task] = cause
        self._judge()
        while self._last_success <= rejected and self._problem is None:
            self._success.clear()
            await self._success.wait()
        del self._undecided[task]
        return self._problem is None

    def _judge(self) -> None:
        """If only rejected requests are left, send one that any endpoint takes."""
        if self._undecided and self._undecided.keys() >= self._workers and self._probing is None:
            self._probing = asyncio.get_running_loop().create_task(self._probe())
            self._probing.add_done_callback(self._probe_ended)

    async def _probe(self) -> None:
        """Find out whether the rejected requests themselves are at fault, or the config is."""
        cause = next(reversed(self._undecided.values()))
        question = self._question(UserTurn(None, _PROBE))
        question.probe = True
        try:
            await self._attempts(question)
        except (Passing, RejectedRequest, Fatal, _Ended):
            self._end(self._problems.nothing_taken(cause))

    def _probe_ended(self, probe: asyncio.Task) -> None:
        self._probing = None
        if not probe.cancelled() and (error := probe.exception()) is not None:
            self._end(error, cancel=True)

    # The end

    def _out_of_time(self) -> None:
        self._end(self._problems.out_of_time(self._tally.answered))

    def _end(self, problem: BaseException, cancel: bool = False) -> None:
        """Send nothing more. Requests under way are paid for: wait for them, unless ``cancel``."""
        if self._problem is None:
            self._problem = problem
        current = None
        with contextlib.suppress(RuntimeError):
            current = asyncio.current_task()
        for worker in self._workers:
            if worker is not current and (cancel or worker not in self._sending):
                worker.cancel()

    def _worker_ended(self, worker: asyncio.Task) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (error := worker.exception()) is not None:
            self._end(error, cancel=True)
        if self._problem is None:
            self._judge()
        self._news.set()
