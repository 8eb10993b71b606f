"""When the bytes of a read came in: the kernel's own stamp, carried over to the monotonic clock."""

from __future__ import annotations

import socket
import struct
import sys
from functools import cache
from time import perf_counter_ns, time_ns

from evalharness.core.units import NS_PER_MS, NS_PER_S

#: SO_TIMESTAMPNS of Linux's generic architectures: the kernel dates each segment when it comes in.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
#: Room beside a read for its stamp.
ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

#: Between two looks at a clock lies a microsecond. Where it was longer, this process was set aside in between.
_UNDISTURBED_NS = 5_000
#: Two clocks run apart by less than this, plus a thousandth of the time: beyond it one of them was set.
_STEP_NS = NS_PER_MS
_LARGEST_SLEW = 1_000


def stamped_by_kernel(sock: socket.socket) -> bool:
    """Ask for stamps; False where there are none: elsewhere than on Linux, and on Unix sockets."""
    if sys.platform != "linux" or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


@cache
def keep_stamping() -> None:
    """The kernel dates segments only while some socket wants it, and takes a while to begin: one that stays open as
    long as the process lets the first answers be dated too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if stamped_by_kernel(sock):
            sock.detach()


class ArrivalClock:
    """Of one connection. Knows by how much the wall clock was ahead when the connection was last known to be empty, and
    so whether it has been set since: a stamp from before that is worth nothing."""

    __slots__ = ("_at_ns", "_offset_ns")

    def __init__(self) -> None:
        self._at_ns, self._offset_ns = _look()

    def rest(self) -> None:
        """The connection is empty now."""
        self._at_ns, self._offset_ns = _look()

    def date(self, ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int | None]:
        """(now, when the last segment of the read that has just ended came in), on the monotonic clock in ns; None for
        the second where the kernel did not say, or cannot be believed."""
        before_ns, before_offset_ns = self._at_ns, self._offset_ns
        read_ns, offset_ns = self._at_ns, self._offset_ns = _look()
        if not ancillary or len(ancillary[0][2]) != _TIMESPEC.size:
            return read_ns, None
        if abs(offset_ns - before_offset_ns) > _STEP_NS + (read_ns - before_ns) // _LARGEST_SLEW:
            return read_ns, None
        seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
        return read_ns, min(read_ns, seconds * NS_PER_S + nanoseconds - offset_ns)


def _look() -> tuple[int, int]:
    """(monotonic now, how far the wall clock is ahead of it)."""
    before_ns = perf_counter_ns()
    real_ns = time_ns()
    now_ns = perf_counter_ns()
    if now_ns - before_ns > _UNDISTURBED_NS:
        before_ns = perf_counter_ns()
        real_ns = time_ns()
        now_ns = perf_counter_ns()
    return now_ns, real_ns - (before_ns + now_ns) // 2
