"""The clocks of one exchange. Pure: what came when goes in, when to lose patience comes out."""

from __future__ import annotations

from evalharness.core.failure import Clock
from evalharness.core.model import Timeouts
from evalharness.core.ports import Activity
from evalharness.core.units import NS_PER_S, ns_from_ms

#: How long the end of a body is awaited after the terminal event, so that the connection can be used again.
DRAIN_NS = NS_PER_S


class Patience:
    """Of three clocks the one that is running, and the total. All moments are of the monotonic clock.

    It begins with the first event's clock; whoever connects under it runs that of connecting first. The idle clock
    runs from each piece of data; after the terminal event none runs, and the end of the body is awaited for a second.
    """

    __slots__ = ("_ended_ns", "_from_ns", "_limits_ns", "_running", "_total_at_ns")

    def __init__(self, timeouts: Timeouts, *, started_ns: int) -> None:
        """The total clock runs from ``started_ns``."""
        self._limits_ns = {
            Clock.CONNECT: ns_from_ms(timeouts.connect),
            Clock.FIRST_EVENT: ns_from_ms(timeouts.first_event),
            Clock.IDLE: ns_from_ms(timeouts.idle),
            Clock.TOTAL: ns_from_ms(timeouts.total),
        }
        self._total_at_ns = started_ns + self._limits_ns[Clock.TOTAL]
        self._running = Clock.FIRST_EVENT
        self._from_ns = started_ns
        self._ended_ns: int | None = None

    def run(self, clock: Clock, from_ns: int) -> None:
        self._running, self._from_ns = clock, from_ns

    def saw(self, activity: Activity, at_ns: int) -> None:
        if self._ended_ns is not None:
            return
        if activity is Activity.DATA:
            self.run(Clock.IDLE, at_ns)
        elif activity is Activity.TERMINAL:
            self._ended_ns = at_ns

    @property
    def due_ns(self) -> int:
        if self._ended_ns is not None:
            return self._ended_ns + DRAIN_NS
        return min(self._total_at_ns, self._from_ns + self._limits_ns[self._running])

    def lost_to(self, now_ns: int) -> tuple[Clock, int] | None:
        """Once it is due: the clock that ran out and its limit in ns. None: what was awaited was only the end of a body
        whose stream has ended, and closing that early is no failure."""
        if self._ended_ns is not None:
            return None
        clock = Clock.TOTAL if now_ns >= self._total_at_ns else self._running
        return clock, self._limits_ns[clock]
