"""An event loop that knows when it looked at its sockets.

A measured socket is read inside the loop's own wait and not by a callback that waits its turn: one wake-up for many
reads, no handle per read, and for each read the last moment at which its socket was known to be empty. Timers are good
to some tens of microseconds instead of the whole milliseconds of epoll. Everything else is asyncio's.
"""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, Protocol, TypeAlias

from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.transport.arrival import keep_stamping

#: Reads a socket. Gets the moment before which nothing can have come in, 0 where that is not known; returns whether
#: something now waits for its turn in the event loop. Must not raise: it would end the loop.
OnReadable: TypeAlias = Callable[[int], bool]
#: Writes to a socket that has room again; otherwise the same.
OnRoom: TypeAlias = Callable[[], bool]

#: How long a blocked process takes to run again once bytes are there: never taken for less, and where nobody knows yet.
_LEAST_WAKE_NS, _FIRST_WAKE_NS = 50_000, 100_000
#: Of 100 wake-ups 99 are quicker than the estimate: so much it rises when one is slower, so much it falls when not.
_RISE, _FALL = 1.25, 1.25 ** (-1 / 99)
#: A wait is cut into such pieces, so that the last look that found nothing is never older than that by much. Where it
#: is older by more than the slack, this process was held up (by other work, by the host of a virtual machine) and
#: bytes may have come in at any moment since.
_SLICE_NS, _SLACK_NS = NS_PER_MS, NS_PER_MS // 4
#: epoll waits whole milliseconds and rounds up: a hair less than a slice.
_SLICE_S = _SLICE_NS / NS_PER_S - 1e-6
_N_LAG_BINS = 65
#: ``select.select`` knows no higher descriptors.
_FD_SETSIZE = 1024


class Sockets(Protocol):
    """Where measured sockets are watched: for bytes always, for room while there is something left to write."""

    def watch(self, descriptor: int, on_readable: OnReadable) -> None: ...

    def watch_room(self, descriptor: int, on_room: OnRoom) -> None: ...

    def unwatch_room(self, descriptor: int) -> None: ...

    def unwatch(self, descriptor: int) -> None: ...

    def woken_by(self, came_ns: int) -> int:
        """Told when the bytes just read came in; returns a moment at which they surely had not, whatever this process
        was kept from meanwhile: earlier than the one that ``OnReadable`` gets, which nearly always holds."""
        ...


class _MeasuringSelector(selectors.BaseSelector):
    """epoll for asyncio and for measured sockets; it returns to asyncio only when asyncio has something to do."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._on_readable: dict[int, OnReadable] = {}
        self._on_room: dict[int, OnRoom] = {}
        self._looked_ns = self._empty_ns = perf_counter_ns()
        self._surely_ns = 0
        self._has_waited = False
        self._wake_ns = float(_FIRST_WAKE_NS)
        self._has_fine_timers = self._epoll.fileno() < _FD_SETSIZE
        self.lag_counts = [0] * _N_LAG_BINS
        keep_stamping()

    # ------------------------------------------------------------ measured sockets

    def watch(self, descriptor: int, on_readable: OnReadable) -> None:
        self._epoll.register(descriptor, select.EPOLLIN)
        self._on_readable[descriptor] = on_readable

    def watch_room(self, descriptor: int, on_room: OnRoom) -> None:
        self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLOUT)
        self._on_room[descriptor] = on_room

    def unwatch_room(self, descriptor: int) -> None:
        if self._on_room.pop(descriptor, None) is not None:
            self._epoll.modify(descriptor, select.EPOLLIN)

    def unwatch(self, descriptor: int) -> None:
        self._on_room.pop(descriptor, None)
        if self._on_readable.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        until_ns = None if timeout is None else perf_counter_ns() + int(timeout * NS_PER_S)
        while True:
            events, earliest_ns = self._look(until_ns)
            ready, has_turn = [], False
            for descriptor, mask in events:
                if descriptor in self._on_readable:
                    has_turn |= self._serve(descriptor, mask, earliest_ns)
                elif descriptor in self._keys:
                    ready.append((self._keys[descriptor], _asked(mask)))
            if ready or has_turn or (until_ns is not None and self._looked_ns >= until_ns):
                return ready

    def look(self) -> None:
        """Read what is there, in the middle of a turn of the event loop; whoever waits for it has its turn later."""
        events, earliest_ns = self._at_once()
        self._looked_ns = perf_counter_ns()
        for descriptor, mask in events:
            if descriptor in self._on_readable:
                self._serve(descriptor, mask, earliest_ns)

    def _look(self, until_ns: int | None) -> tuple[list[tuple[int, int]], int]:
        """What is ready, and a moment at which none of it was, but for one time in a hundred."""
        # Asked without waiting first: only a wait that found nothing at its beginning tells when it was not there yet.
        events, earliest_ns = self._at_once()
        if self._has_waited:
            events, surely_ns = self._wait(until_ns, self._n_most, self._empty_ns)
            now_ns = perf_counter_ns()
            was_held_up = now_ns - surely_ns > _SLICE_NS + _SLACK_NS
            earliest_ns = surely_ns if was_held_up else max(surely_ns, now_ns - round(self._wake_ns))
            # What was not ready now was not before, but it may have come while this process was held up after its look.
            self._surely_ns, self._empty_ns = surely_ns, surely_ns if was_held_up else now_ns
        self._looked_ns = perf_counter_ns()
        return events, earliest_ns

    def _at_once(self) -> tuple[list[tuple[int, int]], int]:
        """The same without waiting."""
        began_ns, earliest_ns = perf_counter_ns(), self._empty_ns
        self.lag_counts[(began_ns - self._looked_ns).bit_length()] += 1
        events = self._epoll.poll(0, self._n_most)
        self._has_waited = not events
        self._surely_ns, self._empty_ns = earliest_ns, began_ns
        return events, earliest_ns

    @property
    def _n_most(self) -> int:
        return max(1, len(self._keys) + len(self._on_readable))

    def woken_by(self, came_ns: int) -> int:
        took_ns = self._looked_ns - came_ns
        # What came after the wake-up tells nothing of it.
        if self._has_waited and took_ns >= 0:
            self._wake_ns = max(_LEAST_WAKE_NS, self._wake_ns * (_RISE if took_ns > self._wake_ns else _FALL))
        return self._surely_ns

    def _wait(self, until_ns: int | None, n_most: int, surely_ns: int) -> tuple[list[tuple[int, int]], int]:
        """What became ready, and a moment at which it was not, ``surely_ns`` or later."""
        if not self._on_readable and until_ns is None:
            return self._epoll.poll(None, n_most), surely_ns
        while True:
            began_ns = perf_counter_ns()
            left_ns = _SLICE_NS if until_ns is None else until_ns - began_ns
            if left_ns < _SLICE_NS and (left_ns <= 0 or self._has_fine_timers):
                if left_ns > 0:
                    select.select([self._epoll], [], [], left_ns / NS_PER_S)
                return self._epoll.poll(0, n_most), surely_ns
            if events := self._epoll.poll(_SLICE_S, n_most):
                return events, surely_ns
            # It has waited to its end and found nothing there.
            surely_ns = began_ns + _SLICE_NS

    def _serve(self, descriptor: int, mask: int, earliest_ns: int) -> bool:
        has_turn = False
        if mask & ~select.EPOLLOUT:
            has_turn = self._on_readable[descriptor](earliest_ns)
        if mask & select.EPOLLOUT and descriptor in self._on_room:
            has_turn |= self._on_room[descriptor]()
        return has_turn

    # ------------------------------------------------------------ what asyncio wants of a selector

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        descriptor = _descriptor(fileobj)
        self._epoll.register(descriptor, _mask(events))
        key = self._keys[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._keys.pop(_descriptor(fileobj))
        # One that was closed before has been forgotten by the kernel already.
        with suppress(OSError):
            self._epoll.unregister(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        descriptor = _descriptor(fileobj)
        if self._keys[descriptor].events != events:
            self._epoll.modify(descriptor, _mask(events))
        key = self._keys[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
        return key

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[_descriptor(fileobj)]

    def close(self) -> None:
        self._epoll.close()
        self._keys.clear()
        self._on_readable.clear()
        self._on_room.clear()


def _descriptor(fileobj: Any) -> int:
    return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())


def _mask(events: int) -> int:
    wanted = select.EPOLLIN if events & selectors.EVENT_READ else 0
    return wanted | (select.EPOLLOUT if events & selectors.EVENT_WRITE else 0)


def _asked(mask: int) -> int:
    """A descriptor in error or hung up is ready for both: whoever reads or writes it finds out."""
    events = selectors.EVENT_WRITE if mask & ~select.EPOLLIN else 0
    return events | (selectors.EVENT_READ if mask & ~select.EPOLLOUT else 0)


class MeasuringLoop(asyncio.SelectorEventLoop):
    """Implements ``Sockets``. Linux only: it stands on epoll."""

    def __init__(self) -> None:
        self._sockets = _MeasuringSelector()
        super().__init__(self._sockets)

    def watch(self, descriptor: int, on_readable: OnReadable) -> None:
        self._sockets.watch(descriptor, on_readable)

    def watch_room(self, descriptor: int, on_room: OnRoom) -> None:
        self._sockets.watch_room(descriptor, on_room)

    def unwatch_room(self, descriptor: int) -> None:
        self._sockets.unwatch_room(descriptor)

    def unwatch(self, descriptor: int) -> None:
        self._sockets.unwatch(descriptor)

    def woken_by(self, came_ns: int) -> int:
        return self._sockets.woken_by(came_ns)

    def look(self) -> None:
        self._sockets.look()

    @property
    def lag_counts(self) -> Mapping[int, int]:
        """How often the loop was away from its sockets, by the binary logarithm of the nanoseconds."""
        return {max(0, size - 1): count for size, count in enumerate(self._sockets.lag_counts) if count}


class _ForeignLoop:
    """``Sockets`` over any event loop: each read waits its turn among the callbacks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def watch(self, descriptor: int, on_readable: OnReadable) -> None:
        self._loop.add_reader(descriptor, on_readable, 0)

    def watch_room(self, descriptor: int, on_room: OnRoom) -> None:
        self._loop.add_writer(descriptor, on_room)

    def unwatch_room(self, descriptor: int) -> None:
        self._loop.remove_writer(descriptor)

    def unwatch(self, descriptor: int) -> None:
        self._loop.remove_writer(descriptor)
        self._loop.remove_reader(descriptor)

    def woken_by(self, came_ns: int) -> int:
        """Nothing is known of its waits: the first bytes came as long before the last as these before the read."""
        return 2 * came_ns - perf_counter_ns()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop to measure in; asyncio's own where there is no epoll."""
    return MeasuringLoop() if hasattr(select, "epoll") else asyncio.new_event_loop()


def look_at_sockets() -> None:
    """After something that took a while: what came meanwhile is read before the next such thing is done, so that what
    comes after it is told apart from it."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, MeasuringLoop):
        loop.look()


def sockets_of(loop: asyncio.AbstractEventLoop) -> Sockets:
    return loop if isinstance(loop, MeasuringLoop) else _ForeignLoop(loop)
