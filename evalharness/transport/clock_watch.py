"""What happened to this machine's clocks while a run was measured: jumps of the wall clock, and sleep."""

from __future__ import annotations

import time

from evalharness.core.units import NS_PER_MS

#: Smaller moves of the wall clock are the time service slewing it, which hurts nothing: stamps are dated by both
#: clocks at once.
_STEP_NS = 50 * NS_PER_MS
_SLEPT_NS = 200 * NS_PER_MS


class ClockWatch:
    """Compares the clocks each time it is asked to; ``steps_ns`` and ``suspended_ns`` add up from its making on."""

    def __init__(self) -> None:
        self._offset_ns = _wall_offset_ns()
        self._asleep_ns = _asleep_ns()
        self.steps_ns: list[int] = []
        self.suspended_ns = 0

    def look(self) -> None:
        offset_ns, asleep_ns = _wall_offset_ns(), _asleep_ns()
        slept_ns = asleep_ns - self._asleep_ns
        # While the machine sleeps only the wall clock goes on: that is no step of it.
        moved_ns = offset_ns - self._offset_ns - slept_ns
        if slept_ns > _SLEPT_NS:
            self.suspended_ns += slept_ns
        if abs(moved_ns) > _STEP_NS:
            self.steps_ns.append(moved_ns)
        self._offset_ns, self._asleep_ns = offset_ns, asleep_ns


def _wall_offset_ns() -> int:
    before_ns = time.perf_counter_ns()
    wall_ns = time.time_ns()
    return wall_ns - (before_ns + time.perf_counter_ns()) // 2


def _asleep_ns() -> int:
    """How long this machine has slept since it started; 0 where there is no such clock."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
