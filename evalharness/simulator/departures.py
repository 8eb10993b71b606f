"""When the next bytes leave, over all connections: one heap, and an event loop that plays it while it waits.

A timer of asyncio for each event costs more than sending it. Here the loop's own wait for sockets is cut short by the
next departure, which is sent from inside the wait; asyncio only wakes for what asyncio has to do.
"""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from time import perf_counter_ns
from typing import Protocol

#: So many departures at most before sockets are looked at again: overdue ones must not keep new requests waiting.
_AT_ONCE = 64


class Traveller(Protocol):
    def depart(self) -> int | None:
        """Send what is due now; the moment of what is next, in ns of ``perf_counter_ns``, None for nothing yet.

        Adds no departure itself: the heap is in use.
        """


class Departures:
    """Who sends next, ordered by moment and, at the same moment, by who came first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Traveller]] = []
        self._n_added = 0
        #: Set where a departure left work to asyncio, which must not go on waiting.
        self.interrupts_wait = False

    @property
    def next_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def add(self, due_ns: int, traveller: Traveller) -> None:
        self._n_added += 1
        heappush(self._heap, (due_ns, self._n_added, traveller))

    def play_due(self) -> None:
        """For work that takes long, so that nobody waits for its end."""
        self.play(perf_counter_ns())

    def play(self, now_ns: int) -> None:
        """Everything that is due, ``_AT_ONCE`` at most."""
        heap = self._heap
        for _ in range(_AT_ONCE):
            if not heap or heap[0][0] > now_ns:
                return
            traveller = heap[0][2]
            next_ns = traveller.depart()
            if next_ns is None:
                heappop(heap)
            else:
                self._n_added += 1
                heapreplace(heap, (next_ns, self._n_added, traveller))


class _DepartureSelector(selectors.DefaultSelector):
    """Waits for sockets, and plays departures meanwhile.

    epoll waits in whole milliseconds. Its descriptor can be waited for with ``select``, which takes microseconds: so
    wait there, then collect. kqueue (macOS) is exact by itself.
    """

    def __init__(self, departures: Departures) -> None:
        super().__init__()
        self._departures = departures
        epoll = getattr(selectors, "EpollSelector", None)
        self._epoll = [self.fileno()] if epoll is not None and isinstance(self, epoll) else None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        until_ns = None if timeout is None else perf_counter_ns() + max(0, round(timeout * 1e9))
        while True:
            now_ns = perf_counter_ns()
            self._departures.play(now_ns)
            wake_ns = _earlier(self._departures.next_ns, until_ns)
            wait_s = None if wake_ns is None else max(0, wake_ns - perf_counter_ns()) / 1e9
            if self._departures.interrupts_wait:
                self._departures.interrupts_wait = False
                return self._ready(0)
            ready = self._ready(wait_s)
            if ready or (until_ns is not None and until_ns <= now_ns):
                return ready

    def _ready(self, wait_s: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._epoll is None:
            return list(super().select(wait_s))
        readable, _, _ = select.select(self._epoll, (), (), wait_s)
        return list(super().select(0)) if readable else []


def _earlier(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


class DepartureLoop(asyncio.SelectorEventLoop):
    """An event loop that keeps a timetable. On Linux its waits are good to about 0.1 ms."""

    def __init__(self) -> None:
        self.departures = Departures()
        super().__init__(_DepartureSelector(self.departures))

    def call_after_departure(self, callback: Callable[..., None], *arguments: object) -> None:
        """``call_soon`` for a ``Traveller``: inside the wait for sockets nobody would look at what is to be done."""
        self.call_soon(callback, *arguments)
        self.departures.interrupts_wait = True
