from __future__ import annotations

from evalharness.core.failure import Clock
from evalharness.core.model import Timeouts
from evalharness.core.ports import Activity
from evalharness.transport.patience import Patience

MS = 1_000_000
TIMEOUTS = Timeouts(connect=1, first_event=100, idle=50, total=1000)


def patience() -> Patience:
    """Begun at 0, sent at 10 ms."""
    made = Patience(TIMEOUTS, started_ns=0)
    made.run(Clock.FIRST_EVENT, 10 * MS)
    return made


def test_the_first_event_is_awaited_from_the_moment_of_sending():
    assert patience().due_ns == 110 * MS
    assert patience().lost_to(110 * MS) == (Clock.FIRST_EVENT, 100 * MS)


def test_connecting_has_a_clock_of_its_own():
    made = Patience(TIMEOUTS, started_ns=0)
    made.run(Clock.CONNECT, 5 * MS)
    assert (made.due_ns, made.lost_to(6 * MS)) == (6 * MS, (Clock.CONNECT, 1 * MS))


def test_data_starts_the_idle_clock_and_nothing_does_not():
    made = patience()
    made.saw(Activity.NOTHING, 90 * MS)
    assert made.due_ns == 110 * MS
    made.saw(Activity.DATA, 95 * MS)
    assert (made.due_ns, made.lost_to(145 * MS)) == (145 * MS, (Clock.IDLE, 50 * MS))


def test_the_total_clock_runs_from_the_beginning_and_goes_before_the_others():
    made = patience()
    made.saw(Activity.DATA, 980 * MS)
    assert (made.due_ns, made.lost_to(1000 * MS)) == (1000 * MS, (Clock.TOTAL, 1000 * MS))


def test_after_the_terminal_event_no_clock_is_lost_to_whatever_comes():
    made = patience()
    made.saw(Activity.TERMINAL, 20 * MS)
    made.saw(Activity.DATA, 900 * MS)
    assert (made.due_ns, made.lost_to(1020 * MS)) == (1020 * MS, None)
