"""Sockets that are looked at in the middle of a turn of the event loop."""

from __future__ import annotations

import asyncio
import select
import socket
from time import perf_counter_ns

import pytest

from evalharness.transport.loop import MeasuringLoop, look_at_sockets


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="the measuring loop stands on epoll")
def test_what_comes_during_long_work_is_read_between_its_parts() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    read: list[tuple[bytes, int]] = []

    def on_readable(earliest_ns: int) -> bool:
        read.append((ours.recv(16), earliest_ns))
        return False

    async def work() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MeasuringLoop)
        loop.watch(ours.fileno(), on_readable)
        theirs.send(b"first")
        before_ns = perf_counter_ns()
        look_at_sockets()
        after_ns = perf_counter_ns()
        theirs.send(b"second")
        look_at_sockets()
        look_at_sockets()
        loop.unwatch(ours.fileno())
        return before_ns, after_ns

    with ours, theirs, asyncio.Runner(loop_factory=MeasuringLoop) as runner:
        before_ns, after_ns = runner.run(work())
    assert [data for data, _ in read] == [b"first", b"second"]
    assert before_ns <= read[1][1] <= after_ns, "nothing of the second had come when the first was looked for"


def test_in_a_loop_of_another_kind_nothing_is_looked_at() -> None:
    async def work() -> None:
        look_at_sockets()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(work())
