"""Plays a response on a socket, each row of its timetable at its time, and notes when it really left."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from time import perf_counter_ns

from evalharness.simulator.departures import DepartureLoop
from evalharness.simulator.framing import Timetable
from evalharness.simulator.tls import TlsLayer

_NS_PER_US = 1_000
#: Between two of the same in a response without an end.
_AGAIN_NS = 1_000_000


class Playback:
    """One response on its way.

    ``on_end`` is called when the last byte was handed to the kernel, or with ``has_left`` true when the client was gone
    before.
    """

    __slots__ = (
        "_bodies", "_due_ns", "_fd", "_head_at", "_index", "_is_endless", "_labels", "_loop", "_on_end", "_rest",
        "_send", "_tls", "has_left", "sent_ns", "took_ns",
    )  # fmt: skip

    def __init__(
        self,
        table: Timetable,
        connection: socket.socket,
        tls: TlsLayer | None,
        loop: DepartureLoop,
        on_end: Callable[[], None],
    ) -> None:
        self._due_ns, self._bodies, self._labels = table.due_ns, table.bodies, table.labels
        self._head_at, self._is_endless = table.head_at, table.is_endless
        self._send = connection.send
        self._fd = connection.fileno()
        self._tls = tls
        self._loop = loop
        self._on_end = on_end
        self._index = 0
        self._rest: memoryview | None = None
        self.has_left = False
        self.sent_ns: list[int] = []
        self.took_ns: list[int | None] = []

    def begin(self) -> None:
        self._loop.departures.add(self._due_ns[0], self)

    def depart(self) -> int | None:
        """Sends the next row. The hot path of the simulator: nothing here that could be done before or after."""
        if self.has_left:
            return None
        body = self._bodies[self._index]
        try:
            if self._tls is not None:
                body = self._tls.seal(body)
            before_ns = perf_counter_ns()
            n_sent = self._send(body)
        except BlockingIOError:
            n_sent = 0
        except OSError:
            self._end(has_left=True)
            return None
        after_ns = perf_counter_ns()
        self.sent_ns.append(before_ns)
        if n_sent < len(body):
            self._rest = memoryview(body)[n_sent:]
            self._loop.add_writer(self._fd, self._send_rest)
            return None
        self.took_ns.append(after_ns - before_ns)
        return self._next_ns()

    def leave(self) -> None:
        """The client has gone, or the server goes: nothing more is sent."""
        if self._rest is not None:
            self._loop.remove_writer(self._fd)
            self.took_ns.append(None)
            self._rest = None
        self.has_left = True
        # A departure an hour ahead keeps this object until then; nobody will need what it would have sent.
        self._bodies = []

    def events(self) -> Iterator[tuple[str, int, int, float | None]]:
        """Label, planned ns, sent ns, and for how many microseconds the kernel took the bytes; None: not all."""
        rows = zip(self._labels, self._due_ns, self.sent_ns, self.took_ns, strict=False)
        for label, due_ns, sent_ns, took_ns in rows:
            if label is not None:
                yield label, due_ns, sent_ns, None if took_ns is None else took_ns / _NS_PER_US

    def late_ns(self) -> list[int]:
        """Sent minus planned of every event."""
        rows = zip(self._labels, self._due_ns, self.sent_ns, strict=False)
        return [sent_ns - due_ns for label, due_ns, sent_ns in rows if label is not None]

    @property
    def head_ns(self) -> int | None:
        """When the head was sent."""
        return self.sent_ns[self._head_at] if len(self.sent_ns) > self._head_at else None

    @property
    def due_end_ns(self) -> int:
        return self._due_ns[-1]

    def _next_ns(self) -> int | None:
        self._index += 1
        if self._index < len(self._due_ns):
            return self._due_ns[self._index]
        if self._is_endless:
            self._index -= 1
            self._due_ns[-1] += _AGAIN_NS
            return self._due_ns[-1]
        self._end(has_left=False)
        return None

    def _end(self, *, has_left: bool) -> None:
        self.has_left = has_left
        self._loop.call_after_departure(self._on_end)

    def _send_rest(self) -> None:
        """The socket's buffer was full and has room again: the client reads more slowly than we send."""
        assert self._rest is not None
        try:
            self._rest = self._rest[self._send(self._rest) :]
        except BlockingIOError:
            return
        except OSError:
            self.leave()
            self._end(has_left=True)
            return
        if len(self._rest):
            return
        self._loop.remove_writer(self._fd)
        self._rest = None
        self.took_ns.append(perf_counter_ns() - self.sent_ns[-1])
        next_ns = self._next_ns()
        if next_ns is not None:
            self._loop.departures.add(next_ns, self)
