"""No window of a minute ever holds more than the limit, and what is allowed is used."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from m1flow.endpoints.pace import WINDOW, Pace, RateLimit


class Clock:
    """Goes on only when told."""

    def __init__(self, start: float = 1000.0):
        self.now = start

    def __call__(self) -> float:
        return self.now


def wait(limit: RateLimit, clock: Clock, amount: float) -> None:
    while delay := limit.delay(amount):
        clock.now += max(delay, 0.001)


def most_in_a_window(grants) -> float:
    """The largest sum of any half-open window of 60 s."""
    return max(sum(g.amount for g in grants if first.time <= g.time < first.time + WINDOW) for first in grants)


@hypothesis_settings(max_examples=150)
@given(data=st.data(), limit=st.integers(1, 500))
def test_no_window_is_ever_over_the_limit(data, limit):
    clock = Clock(data.draw(st.floats(0, 1e6)))
    rate = RateLimit(limit, clock)
    grants, open_grants = [], []
    for _ in range(data.draw(st.integers(1, 40))):
        clock.now += data.draw(st.sampled_from([0.0, 0.01, 0.4, 3.0, 59.9, 60.0, 200.0]))
        amount = data.draw(st.integers(1, limit))
        wait(rate, clock, amount)
        grants.append(rate.take(amount))
        open_grants.append(grants[-1])
        if data.draw(st.booleans()):  # the true amount turns out to be smaller
            grant = open_grants.pop(data.draw(st.integers(0, len(open_grants) - 1)))
            rate.correct(grant, data.draw(st.integers(0, int(grant.amount))))
    assert most_in_a_window(grants) <= limit * (1 + 1e-9)


@pytest.mark.parametrize("limit", [1, 7, 60, 6000])
def test_all_of_the_rate_is_used(limit):
    clock = Clock()
    rate = RateLimit(limit, clock)
    for _ in range(5 * limit):
        wait(rate, clock, 1)
        rate.take(1)
    assert (clock.now - 1000.0) / WINDOW == pytest.approx(5, abs=1 / limit + 0.1)


def test_requests_are_spread_over_the_minute():
    clock = Clock()
    rate = RateLimit(60, clock)
    times = []
    for _ in range(30):
        wait(rate, clock, 1)
        times.append(rate.take(1).time)
    assert 25 <= times[-1] - times[0] <= 30


def test_a_correction_gives_back_what_was_not_used():
    clock = Clock()
    rate = RateLimit(100, clock)
    wait(rate, clock, 100)
    grant = rate.take(100)
    assert rate.delay(50) == pytest.approx(60)
    rate.correct(grant, 10)
    assert rate.delay(50) == pytest.approx(6)  # the pace: 10 of 100 are a tenth of a minute


def test_a_correction_upwards_is_made_up_for():
    clock = Clock()
    rate = RateLimit(100, clock)
    grant = rate.take(1)
    clock.now += 90
    rate.correct(grant, 201)
    assert rate.delay(1) == pytest.approx(30.6)


def test_more_than_the_limit_counts_as_the_limit():
    clock = Clock()
    rate = RateLimit(10, clock)
    wait(rate, clock, 1000)
    assert rate.take(1000).amount == 10


def test_pauses_hold_everyone_and_are_not_shortened():
    async def scene() -> float:
        pace = Pace(None, None)
        pace.pause(0.3)
        pace.pause(0.05)
        started = time.monotonic()
        await asyncio.gather(*(pace.paused() for _ in range(5)))
        return time.monotonic() - started

    assert asyncio.run(scene()) >= 0.3


def test_no_limits_no_waiting():
    async def scene():
        return await Pace(None, None).clear(1e9)

    assert asyncio.run(scene()) is None
