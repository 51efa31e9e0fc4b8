"""The pace of requests to an endpoint: limits of requests and tokens per minute, and pauses that it asks for."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW = 60.0
"""Length in seconds of the window over which endpoints count."""
_BURST = 1.0
"""The amount that may be taken at once, in seconds of the rate, so that a late wake-up doesn't slow down the run."""
_TICK = 0.001


@dataclass
class Grant:
    """An amount that was let through, and the time in the clock's seconds."""

    time: float
    amount: float


class RateLimit:
    """A token bucket of one second's worth, which lets through at most the limit in any window of 60 seconds.

    Amounts let through are estimates, corrected once the true amounts are known. A correction upwards may lift a
    window over the limit, since it is too late to refuse; the excess is made up for before more is let through.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic):
        """Allow ``per_minute``."""
        self.per_minute = per_minute
        self._clock = clock
        self._grants: deque[Grant] = deque()
        self._total = 0.0
        self._next = clock()

    def delay(self, amount: float) -> float:
        """Seconds until an amount may be taken; 0 if it may be now. An amount over the limit counts as the limit."""
        now = self._clock()
        while self._grants and self._grants[0].time + WINDOW <= now:
            self._total -= self._grants.popleft().amount
        if not self._grants:
            self._total = 0.0  # without rounding errors
        excess = self._total + min(amount, self.per_minute) - self.per_minute
        free_at = self._next
        for grant in self._grants:
            if excess <= 0:
                break
            excess -= grant.amount
            free_at = max(free_at, grant.time + WINDOW)
        return max(free_at - now, 0.0)

    def take(self, amount: float) -> Grant:
        """Take an amount that `delay` allows now."""
        grant = Grant(self._clock(), min(amount, self.per_minute))
        self._grants.append(grant)
        self._total += grant.amount
        self._next = max(self._next, grant.time - _BURST) + self._seconds(grant.amount)
        return grant

    def correct(self, grant: Grant, amount: float) -> None:
        """Correct a grant to the amount used."""
        change = amount - grant.amount
        if self._grants and grant.time >= self._grants[0].time:  # else it left the window, and the total
            grant.amount = amount
            self._total += change
        self._next += self._seconds(change)

    def _seconds(self, amount: float) -> float:
        return amount * WINDOW / self.per_minute


class Pace:
    """Holds requests until both rates, and any pause that the endpoint asked for, let them go.

    Must be used within one event loop; requests go in the order in which they came.
    """

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None):
        """Take the limits; None means no limit."""
        self._requests = RateLimit(requests_per_minute) if requests_per_minute else None
        self._tokens = RateLimit(tokens_per_minute) if tokens_per_minute else None
        self._queue = asyncio.Lock()
        self._resume = 0.0

    def pause(self, seconds: float) -> None:
        """Send nothing for some seconds; a pause that is under way is not shortened."""
        self._resume = max(self._resume, time.monotonic() + seconds)

    async def paused(self) -> None:
        """Wait until no pause is in effect, then for a random moment, so that requests don't all resume at once."""
        while (left := self._resume - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0, min(1.0, left / 4)))

    async def clear(self, tokens: float) -> Grant | None:
        """Wait for the rates; return the grant of tokens to be corrected later, None if tokens are not limited."""
        if self._requests is None and self._tokens is None:
            return None
        async with self._queue:
            while delay := self._delay(tokens):
                await asyncio.sleep(max(delay, _TICK))
            if self._requests:
                self._requests.take(1)
            return self._tokens.take(tokens) if self._tokens else None

    def correct(self, grant: Grant | None, tokens: float) -> None:
        """Correct a grant to the tokens that its request used."""
        if grant is not None and self._tokens is not None:
            self._tokens.correct(grant, tokens)

    def _delay(self, tokens: float) -> float:
        requests = self._requests.delay(1) if self._requests else 0.0
        return max(requests, self._tokens.delay(tokens) if self._tokens else 0.0)
