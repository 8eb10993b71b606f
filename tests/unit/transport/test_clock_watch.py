"""Jumps of the wall clock and sleep of the machine, told from clocks that are set by hand."""

from __future__ import annotations

import time

import pytest

from evalharness.transport.clock_watch import ClockWatch

S = 1_000_000_000


class Clocks:
    """Three clocks of a machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic_ns = self.boot_ns = 100 * S
        self.wall_ns = 1_700_000_000 * S
        monkeypatch.setattr(time, "perf_counter_ns", lambda: self.monotonic_ns)
        monkeypatch.setattr(time, "time_ns", lambda: self.wall_ns)
        monkeypatch.setattr(time, "clock_gettime_ns", self._get)

    def _get(self, clock: int) -> int:
        return self.boot_ns if clock == time.CLOCK_BOOTTIME else self.monotonic_ns

    def run(self, ns: int) -> None:
        self.monotonic_ns += ns
        self.boot_ns += ns
        self.wall_ns += ns

    def sleep(self, ns: int) -> None:
        self.boot_ns += ns
        self.wall_ns += ns


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system has no clock that goes on while it sleeps")
    return Clocks(monkeypatch)


def test_clocks_that_run_together_tell_nothing(clocks: Clocks) -> None:
    watch = ClockWatch()
    clocks.run(5 * S)
    clocks.wall_ns += 30_000_000  # slewed by the time service
    watch.look()
    assert (watch.steps_ns, watch.suspended_ns) == ([], 0)


def test_a_step_of_the_wall_clock_is_noted_with_its_direction(clocks: Clocks) -> None:
    watch = ClockWatch()
    clocks.run(S)
    clocks.wall_ns -= 3 * S
    watch.look()
    clocks.run(S)
    watch.look()
    assert watch.steps_ns == [-3 * S]


def test_sleep_is_no_step(clocks: Clocks) -> None:
    watch = ClockWatch()
    clocks.run(S)
    clocks.sleep(40 * S)
    watch.look()
    assert (watch.steps_ns, watch.suspended_ns) == ([], 40 * S)
