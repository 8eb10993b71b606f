"""Waiting for a moment of the monotonic clock, as exactly as the event loop can."""

from __future__ import annotations

import asyncio

from evalharness.core.ports import Clock
from evalharness.core.units import NS_PER_S


async def sleep_until(at_ns: int | None, clock: Clock) -> None:
    """At once where the moment is None or past. One timer, no task."""
    left_ns = 0 if at_ns is None else at_ns - clock.monotonic_ns()
    if left_ns <= 0:
        return
    loop = asyncio.get_running_loop()
    due = loop.create_future()
    timer = loop.call_later(left_ns / NS_PER_S, _ring, due)
    try:
        await due
    finally:
        timer.cancel()


def _ring(due: asyncio.Future[None]) -> None:
    if not due.done():
        due.set_result(None)
