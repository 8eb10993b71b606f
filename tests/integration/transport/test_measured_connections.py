"""What the measuring transport does with its connections: sending over them, opening ahead, keeping, closing."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import weakref
from typing import Any

import pytest

from evalharness.core.failure import Clock, FailureKind
from evalharness.core.ports import Tape
from evalharness.transport import connecting, origin
from evalharness.transport.framing import Framing
from tests.support.scripted_server import (
    ANSWER,
    COMPLETE,
    LAST_CHUNK,
    STREAM_HEAD,
    Do,
    Script,
    chunk,
    scripted,
    whole,
)
from tests.support.transports import Way, body_of, exchange

MS = 1_000_000
#: More than any socket buffer takes at once.
LARGE = b"x" * (12 * 2**20)


# ---------------------------------------------------------------- sending


def test_a_request_larger_than_the_socket_takes_at_once_arrives_whole(way: Way):
    (tape,), server = way.tapes(COMPLETE, body=LARGE)
    assert (tape.failure, body_of(tape)) == (None, ANSWER)
    assert server.requests[0].body == LARGE
    assert tape.send_ns > 0


def test_a_server_that_never_reads_runs_into_the_clocks(way: Way):
    (tape,), _ = way.tapes_over({"read_request": False}, [5.0, Do.CLOSE], body=LARGE, total=300)
    assert tape.failure is not None
    assert tape.failure.clock is Clock.TOTAL
    assert tape.closed_ns - tape.sent_ns < 2_000 * MS
    assert tape.send_ns == pytest.approx(tape.closed_ns - tape.sent_ns, abs=100 * MS)


@pytest.mark.parametrize("end", [0.3, Do.CLOSE], ids=["stays open", "closes"])
def test_an_answer_that_comes_while_the_request_is_sent_is_the_answer(way: Way, end: float | Do):
    refusal = whole(b'{"error": {"message": "too large"}}', 413)
    (tape,), _ = way.tapes_over({"read_request": False}, [0.1, refusal, end, Do.CLOSE], body=LARGE)
    assert tape.head is not None
    assert (tape.head.status, tape.failure) == (413, None)
    assert body_of(tape) == b'{"error": {"message": "too large"}}'


def test_after_an_early_answer_the_connection_is_not_used_again(way: Way):
    """The rest of the first request would be taken for the beginning of the second."""

    async def run() -> tuple[Tape, Tape, int]:
        async with scripted([0.1, whole(b"no", 413), Do.HANG], COMPLETE, read_request=False) as server:
            transport = way.to(server.base_url)
            first = await exchange(transport, body=LARGE)
            second = await exchange(transport)
            await transport.close()
            return first, second, server.n_connections

    first, second, n_connections = way.run(run())
    assert (first.failure, second.failure, second.connection_reused, n_connections) == (None, None, False, 2)


def test_handing_over_a_small_request_takes_microseconds_and_is_said(way: Way):
    assert 0 < way.tape_of(*COMPLETE).send_ns < 50 * MS


# ---------------------------------------------------------------- opening ahead, keeping, closing


def test_connections_opened_ahead_are_used_by_the_first_exchanges(way: Way):
    async def run() -> tuple[list[Tape], int]:
        async with scripted(*[COMPLETE] * 3) as server:
            transport = way.to(server.base_url)
            await transport.open(3)
            done = await asyncio.gather(*(exchange(transport) for _ in range(3)))
            await transport.close()
            return done, server.n_connections

    done, n_connections = way.run(run())
    assert [(tape.failure, tape.connection_reused, tape.connect_ns) for tape in done] == [(None, True, None)] * 3
    assert n_connections == 3


def test_opening_ahead_gives_up_in_time_and_keeps_what_it_has(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(origin, "_OPEN_WITHIN_S", 0.3)
    taken = connecting._connected

    async def slow_after_two(loop: asyncio.AbstractEventLoop, address: Any) -> socket.socket:
        slow_after_two.n += 1
        if slow_after_two.n > 2:
            await asyncio.sleep(60)
        return await taken(loop, address)

    slow_after_two.n = 0
    monkeypatch.setattr(connecting, "_connected", slow_after_two)

    async def run() -> tuple[Tape, int]:
        async with scripted(*[COMPLETE] * 5) as server:
            transport = way.to(server.base_url)
            await transport.open(5)
            tape = await exchange(transport)
            await transport.close()
            await asyncio.sleep(0.05)
            return tape, server.n_connections

    tape, n_connections = way.run(run())
    assert (tape.failure, tape.connection_reused, n_connections) == (None, True, 2)


def test_opening_ahead_where_nothing_listens_is_no_failure_of_the_run(way: Way):
    async def run() -> None:
        for base_url in ("http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"):
            transport = way.to(base_url)
            await transport.open(3)
            await transport.close()

    way.run(run())


def test_a_connection_in_use_when_the_transport_closes_is_closed_by_its_exchange(way: Way):
    """What is left open is an error of the test."""

    async def run() -> Tape:
        async with scripted([STREAM_HEAD, chunk(ANSWER), 0.2, LAST_CHUNK]) as server:
            transport = way.to(server.base_url)
            running = asyncio.create_task(exchange(transport))
            await asyncio.sleep(0.1)
            await transport.close()
            return await running

    assert way.run(run()).failure is None


def test_a_connection_that_dies_before_the_moment_of_its_request_is_replaced(way: Way):
    async def run() -> tuple[Tape, int]:
        async with scripted([0.05, Do.CLOSE], COMPLETE, read_request=False) as server:
            transport = way.to(server.base_url)
            tape = await exchange(transport, at_ns=time.perf_counter_ns() + 200 * MS)
            await transport.close()
            return tape, server.n_connections

    tape, n_connections = way.run(run())
    assert (tape.failure, tape.connection_reused, n_connections) == (None, False, 2)


def test_nothing_is_sent_before_its_moment(way: Way):
    async def run() -> tuple[Tape, int]:
        async with scripted(COMPLETE) as server:
            transport = way.to(server.base_url)
            at_ns = time.perf_counter_ns() + 100 * MS
            tape = await exchange(transport, at_ns=at_ns)
            await transport.close()
            return tape, at_ns

    tape, at_ns = way.run(run())
    assert 0 <= tape.sent_ns - at_ns < 50 * MS


def test_a_connection_whose_request_was_given_up_before_its_moment_is_kept(way: Way):
    async def run() -> tuple[Tape, int]:
        async with scripted(COMPLETE) as server:
            transport = way.to(server.base_url)
            waiting = asyncio.create_task(exchange(transport, at_ns=time.perf_counter_ns() + 10_000 * MS))
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            tape = await exchange(transport)
            await transport.close()
            return tape, server.n_connections

    tape, n_connections = way.run(run())
    assert (tape.failure, tape.connection_reused, n_connections) == (None, True, 1)


def test_an_exchange_leaves_nothing_for_the_garbage_collector(way: Way, monkeypatch: pytest.MonkeyPatch):
    """A run may measure for an hour without collecting."""
    made: list[weakref.ref[Any]] = []

    class Noted(Framing):
        def __init__(self, **options: bool) -> None:
            super().__init__(**options)
            made.append(weakref.ref(self))

    monkeypatch.setattr("evalharness.transport.reception.Framing", Noted)

    async def run() -> int:
        scripts: list[Script] = [COMPLETE, [whole(b"no", 500)], [STREAM_HEAD, chunk(ANSWER[:300]), Do.CLOSE]]
        async with scripted(*scripts) as server:
            transport = way.to(server.base_url)
            for _ in scripts:
                await exchange(transport)
            await asyncio.sleep(0.01)
            n_left = sum(reference() is not None for reference in made)
            await transport.close()
            return n_left

    gc.disable()
    try:
        assert way.run(run()) == 0
    finally:
        gc.enable()
    assert len(made) == 3


def test_what_dies_in_silence_long_after_the_request_is_no_stale_connection(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(origin, "_STALE_AFTER_NS", 0)
    monkeypatch.setattr(origin, "_STALE_WITHIN_NS", 100 * MS)
    (_, second), server = way.tapes(COMPLETE, [0.3, Do.CLOSE], n=2)
    assert second.failure is not None
    assert (second.failure.kind, len(server.requests)) == (FailureKind.CONNECTION, 2)
    assert second.closed_ns - second.sent_ns > 250 * MS


@pytest.mark.parametrize("end", [Do.CLOSE, Do.RESET])
def test_what_dies_on_a_connection_that_was_not_idle_did_not_run_out(way: Way, end: Do):
    """The server read that request: sent again unseen, it might be charged twice."""
    (_, second), server = way.tapes(COMPLETE, [end], COMPLETE, n=2)
    assert second.failure is not None
    assert (second.failure.kind, second.resent) == (FailureKind.CONNECTION, False)
    assert [request.connection for request in server.requests] == [1, 1]


@pytest.mark.parametrize("word", [b"HTTP/1.1 408 Timeout\r\ncontent-length: 0\r\n\r\n", b"bye"])
def test_a_word_that_answers_no_request_is_no_answer_to_the_next(way: Way, word: bytes):
    async def run() -> tuple[Tape, int]:
        async with scripted([*COMPLETE, 0.02, word, Do.CLOSE], COMPLETE) as server:
            transport = way.to(server.base_url)
            await exchange(transport)
            await asyncio.sleep(0.1)
            tape = await exchange(transport)
            await transport.close()
            return tape, server.n_connections

    tape, n_connections = way.run(run())
    assert (tape.failure, n_connections) == (None, 2)
    assert body_of(tape) == ANSWER


def test_a_cancelled_exchange_leaves_no_socket_wherever_it_was(way: Way):
    """Cancelled after one millisecond, two, three ...: while it connects, sends, waits for the head, reads, ends."""

    async def run() -> int:
        script: Script = [0.004, STREAM_HEAD, 0.004, chunk(ANSWER[:300]), 0.004, chunk(ANSWER[300:]), LAST_CHUNK]
        n_cancelled = 0
        async with scripted(*[script] * 60) as server:
            transport = way.to(server.base_url)
            for step in range(40):
                running = asyncio.create_task(exchange(transport))
                await asyncio.sleep(step * 0.0005)
                n_cancelled += running.cancel()
                with_cancel = await asyncio.gather(running, return_exceptions=True)
                assert isinstance(with_cancel[0], Tape | asyncio.CancelledError)
            await transport.close()
        return n_cancelled

    assert way.run(run()) > 10
