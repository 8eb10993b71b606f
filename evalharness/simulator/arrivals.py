"""What arrived, and when: by the kernel's own stamp where it gives one."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from time import perf_counter_ns, time_ns
from typing import NamedTuple

_AT_ONCE_BYTES = 64 * 1024
#: Linux numbers it 35 on all but three rare processors; the module ``socket`` has no name for it before Python 3.14.
_SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_NS_PER_S = 1_000_000_000
#: A look at both clocks takes a microsecond. Where it took longer, this process was set aside in between, for
#: milliseconds on a busy machine: it is taken again, and what is left of the doubt is half of the shortest look.
_UNDISTURBED_NS = 5_000
_MOST_LOOKS = 4

KERNEL, USER = "kernel", "user"


class Arrival(NamedTuple):
    """``received`` is empty at the end. ``at_ns`` is on the clock of ``perf_counter_ns``.

    ``stamp``: ``kernel``, when the last of these bytes came in; ``user``, when they had been read.
    """

    received: bytes
    at_ns: int
    stamp: str


def want_stamps(listener: socket.socket) -> None:
    """Asks for kernel stamps on all connections of ``listener``, bytes that precede ``accept`` included; a Linux that
    is not quite one (gVisor) may refuse."""
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(connection: socket.socket) -> Arrival:
    """Raises ``BlockingIOError`` where nothing waits, ``OSError`` where the connection broke."""
    received, ancillary, _, _ = connection.recvmsg(_AT_ONCE_BYTES, _ANCILLARY_BYTES)
    now_ns, clock_ns = _both_clocks()
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(content) == _TIMESPEC.size:
            seconds, rest_ns = _TIMESPEC.unpack(content)
            # The stamp is of the clock of the day, which may be set: it never makes an arrival later than its reading.
            age_ns = max(0, clock_ns - (seconds * _NS_PER_S + rest_ns))
            return Arrival(received, now_ns - age_ns, KERNEL)
    return Arrival(received, now_ns, USER)


def _both_clocks() -> tuple[int, int]:
    """The monotonic clock and the clock of the day at one moment."""
    shortest_ns, found = _NS_PER_S, (0, 0)
    for _ in range(_MOST_LOOKS):
        before_ns, clock_ns, after_ns = perf_counter_ns(), time_ns(), perf_counter_ns()
        if after_ns - before_ns < shortest_ns:
            shortest_ns, found = after_ns - before_ns, ((before_ns + after_ns) // 2, clock_ns)
        if shortest_ns < _UNDISTURBED_NS:
            break
    return found
