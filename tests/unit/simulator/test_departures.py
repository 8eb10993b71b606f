from __future__ import annotations

from evalharness.simulator.departures import Departures


class Traveller:
    """Leaves at the moments it was given, and writes its name down each time."""

    def __init__(self, name: str, log: list[str], moments: list[int]) -> None:
        self.name, self.log, self.moments = name, log, list(moments)

    def depart(self) -> int | None:
        self.log.append(self.name)
        return self.moments.pop(0) if self.moments else None


def test_who_is_due_leaves_in_order_of_time_and_then_of_coming() -> None:
    departures, log = Departures(), []
    for name, due in (("late", 30), ("first", 10), ("second", 10), ("never", 99)):
        departures.add(due, Traveller(name, log, []))
    departures.play(30)
    assert log == ["first", "second", "late"]
    assert departures.next_ns == 99


def test_a_traveller_comes_again_at_its_next_moment() -> None:
    departures, log = Departures(), []
    departures.add(1, Traveller("a", log, [5, 6, 50]))
    departures.add(2, Traveller("b", log, []))
    departures.play(10)
    assert log == ["a", "b", "a", "a"]
    assert departures.next_ns == 50


def test_those_who_are_overdue_take_turns_and_let_requests_in_between() -> None:
    """Two travellers with a thousand overdue rows each: neither waits for the other's last, and play ends before."""
    departures, log = Departures(), []
    for name in "ab":
        departures.add(0, Traveller(name, log, [0] * 1000))
    departures.play(10)
    assert log[:4] == ["a", "b", "a", "b"]
    assert len(log) < 100
    assert departures.next_ns == 0


def test_nobody_leaves_early_and_an_empty_timetable_has_no_next() -> None:
    departures, log = Departures(), []
    assert departures.next_ns is None
    departures.add(11, Traveller("a", log, []))
    departures.play(10)
    assert log == []
    departures.play(11)
    assert log == ["a"] and departures.next_ns is None
