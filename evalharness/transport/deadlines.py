"""The four clocks of one exchange, as the one deadline that is nearest."""

from __future__ import annotations

import asyncio

from evalharness.core.failure import Clock
from evalharness.core.model import Timeouts
from evalharness.core.ports import Activity
from evalharness.core.units import NS_PER_S, ns_from_ms

#: How long the end of a body is awaited after the terminal event, so that the connection can be used again.
DRAIN_NS = NS_PER_S


class Deadlines:
    """Moves one ``asyncio.timeout``. ``running`` is the clock that would fire; None while the end is drained."""

    def __init__(self, timeout: asyncio.Timeout, timeouts: Timeouts) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._limits_ns = {
            Clock.CONNECT: ns_from_ms(timeouts.connect),
            Clock.FIRST_EVENT: ns_from_ms(timeouts.first_event),
            Clock.IDLE: ns_from_ms(timeouts.idle),
            Clock.TOTAL: ns_from_ms(timeouts.total),
        }
        self._total_at = self._loop.time() + self._limits_ns[Clock.TOTAL] / NS_PER_S
        self.running: Clock | None = None

    def start(self, clock: Clock) -> None:
        self._move(clock, self._limits_ns[clock])

    def saw(self, activity: Activity) -> None:
        if self.running is None:
            return
        if activity is Activity.DATA:
            self._move(Clock.IDLE, self._limits_ns[Clock.IDLE])
        elif activity is Activity.TERMINAL:
            self._move(None, DRAIN_NS)

    def limit_ns(self, clock: Clock) -> int:
        return self._limits_ns[clock]

    def _move(self, clock: Clock | None, limit_ns: int) -> None:
        at = self._loop.time() + limit_ns / NS_PER_S
        if clock is not None and at >= self._total_at:
            clock, at = Clock.TOTAL, self._total_at
        self.running = clock
        self._timeout.reschedule(at)
