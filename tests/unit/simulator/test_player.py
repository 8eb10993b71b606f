"""A response on its way, with a socket and a loop of paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalharness.simulator.departures import Departures
from evalharness.simulator.framing import Timetable
from evalharness.simulator.player import Playback

TABLE = Timetable(due_ns=[10, 20, 20], bodies=[b"head", b"event a", b"end"], labels=[None, "a", None], head_at=0)


class Paper:
    """Socket and loop in one: takes ``room`` bytes a call, or raises."""

    def __init__(self, room: list[int | type[OSError]]) -> None:
        self.room = room
        self.sent = b""
        self.writers: dict[int, Callable[[], None]] = {}
        self.departures = Departures()
        self.n_ended = 0

    def send(self, body: bytes) -> int:
        room = self.room.pop(0) if self.room else len(body)
        if not isinstance(room, int):
            raise room
        self.sent += bytes(body)[:room]
        return min(room, len(body))

    def fileno(self) -> int:
        return 7

    def add_writer(self, fd: int, callback: Callable[[], None]) -> None:
        self.writers[fd] = callback

    def remove_writer(self, fd: int) -> None:
        del self.writers[fd]

    def call_after_departure(self, callback: Callable[[], None]) -> None:
        callback()

    def ended(self) -> None:
        self.n_ended += 1


def playback(paper: Any) -> Playback:
    return Playback(TABLE, paper, None, paper, paper.ended)


def test_rows_leave_one_by_one_and_only_events_are_logged() -> None:
    paper = Paper([])
    played = playback(paper)
    assert [played.depart(), played.depart(), played.depart()] == [20, 20, None]
    assert paper.sent == b"headevent aend"
    assert (paper.n_ended, played.has_left) == (1, False)
    ((label, planned_ns, sent_ns, send_us),) = played.events()
    assert (label, planned_ns, sent_ns, send_us is not None) == ("a", 20, played.sent_ns[1], True)
    assert played.late_ns() == [played.sent_ns[1] - 20]
    assert played.head_ns == played.sent_ns[0]


@pytest.mark.parametrize("first", [3, BlockingIOError])
def test_what_finds_no_room_waits_for_it_and_the_rest_follows(first: int | type[OSError]) -> None:
    paper = Paper([4, first, 2, BlockingIOError])
    played = playback(paper)
    played.depart()
    assert played.depart() is None
    assert paper.departures.next_ns is None and not list(played.events())
    while 7 in paper.writers:
        paper.writers[7]()
    assert paper.sent == b"headevent a"
    assert paper.departures.next_ns == 20
    assert len(list(played.events())) == 1
    played.depart()
    assert paper.sent.endswith(b"end") and paper.n_ended == 1


def test_a_broken_connection_is_a_client_that_left() -> None:
    paper = Paper([4, ConnectionResetError])
    played = playback(paper)
    played.depart()
    assert played.depart() is None
    assert (paper.n_ended, played.has_left) == (1, True)
    assert played.depart() is None
    assert list(played.events()) == []


def test_an_event_that_never_left_whole_says_so() -> None:
    paper = Paper([4, 3])
    played = playback(paper)
    played.depart()
    played.depart()
    played.leave()
    assert paper.writers == {}
    assert [(label, send_us) for label, _, _, send_us in played.events()] == [("a", None)]
    assert played.depart() is None and paper.sent == b"headeve"
