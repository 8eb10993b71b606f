"""The order in which connections are used and given up, with connections that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from evalharness.core.clock import SystemClock
from evalharness.transport.connecting import Destination
from evalharness.transport.connection import Connection
from evalharness.transport.pool import Pool

S = 1_000_000_000


class Clock(SystemClock):
    now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns


class Fake:
    def __init__(self) -> None:
        self.is_open = True
        self.idle_since_ns = 0
        self.on_gone: Callable[[Any], None] | None = None
        self.is_silent = True

    def rest(self, now_ns: int) -> None:
        self.idle_since_ns = now_ns

    def is_quiet(self) -> bool:
        return self.is_open and self.is_silent

    def close(self) -> None:
        self.is_open = False


def pool_of(n: int) -> tuple[Pool, Clock, list[Fake]]:
    clock = Clock()
    pool = Pool(Destination(host="h", port=1), clock)
    fakes = [Fake() for _ in range(n)]
    for fake in fakes:
        pool.give_back(cast("Connection", fake))
    return pool, clock, fakes


def test_the_one_used_last_is_used_first():
    pool, _, fakes = pool_of(3)
    assert [pool.take() for _ in range(4)] == [*reversed(fakes), None]


def test_one_that_was_idle_for_long_is_closed_and_not_used():
    pool, clock, (first, second) = pool_of(2)
    clock.now_ns = 31 * S
    assert pool.take() is None
    assert not (first.is_open or second.is_open)


def test_one_that_is_closed_or_was_spoken_to_is_passed_over():
    pool, _, (good, chatty, closed) = pool_of(3)
    chatty.is_silent, closed.is_open = False, False
    assert pool.take() is good
    assert not chatty.is_open


def test_what_a_lower_load_no_longer_needs_is_closed_as_others_come_back():
    pool, clock, (idle, busy) = pool_of(2)
    for second in range(40):
        clock.now_ns = second * S
        taken = pool.take()
        assert taken is busy
        pool.give_back(cast("Connection", taken))
    assert (idle.is_open, busy.is_open) == (False, True)


def test_one_that_goes_while_idle_is_forgotten():
    pool, _, (first, second) = pool_of(2)
    assert second.on_gone is not None
    second.on_gone(second)
    assert pool.take() is first


def test_after_the_end_what_comes_back_is_closed():
    pool, _, (_, taken) = pool_of(2)
    assert pool.take() is taken
    pool.close()
    assert taken.is_open
    pool.give_back(cast("Connection", taken))
    assert not taken.is_open
    assert pool.take() is None


def test_a_closed_one_is_not_taken_back():
    pool, _, (only,) = pool_of(1)
    assert pool.take() is only
    only.close()
    pool.give_back(cast("Connection", only))
    assert pool.take() is None


def test_there_is_nothing_to_open_where_enough_are_idle():
    pool, _, fakes = pool_of(2)
    asyncio.run(pool.open(2))
    assert pool.take() is fakes[1]
