from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.simulator.slots import Slots


def test_without_a_limit_nobody_waits() -> None:
    slots: Slots[int] = Slots(None)
    assert all(slots.take(job) for job in range(1000))
    assert slots.give_back() is None


@given(n=st.integers(1, 4), moves=st.lists(st.sampled_from("tgf"), max_size=60))
def test_never_more_than_the_slots_are_at_work_and_the_line_keeps_its_order(n: int, moves: list[str]) -> None:
    """Against a plain model: a set of who works and a queue of who waits."""
    slots: Slots[int] = Slots(n)
    working: set[int] = set()
    waiting: deque[int] = deque()
    for job, move in enumerate(moves):
        if move == "t":
            begins = slots.take(job)
            assert begins == (len(working) < n)
            (working.add if begins else waiting.append)(job)
        elif move == "g" and working:
            working.pop()
            following = slots.give_back()
            assert following == (waiting.popleft() if waiting else None)
            if following is not None:
                working.add(following)
        elif move == "f" and waiting:
            slots.forget(waiting[len(waiting) // 2])
            del waiting[len(waiting) // 2]
        assert len(working) <= n
        assert len(slots) == len(waiting)


def test_who_does_not_wait_cannot_be_forgotten() -> None:
    slots: Slots[int] = Slots(1)
    slots.take(1)
    with pytest.raises(ValueError):
        slots.forget(1)
