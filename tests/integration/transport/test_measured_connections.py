"""What the measuring transport does with its sockets: sending, opening ahead, keeping, addresses."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evalharness.core.failure import Clock, FailureKind
from evalharness.core.model import Route
from evalharness.core.ports import ResponseHead, Tape
from evalharness.core.record import StampSource
from evalharness.transport import connecting, origin
from evalharness.transport.framing import Framing
from evalharness.transport.loop import MeasuringLoop
from tests.support.scripted_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Do,
    Script,
    chunk,
    head,
    scripted,
    whole,
)
from tests.support.transports import MEASURED_WAYS, MEASURING, Way, body_of, exchange
from tests.support.wire_bytes import answer_stream

ANSWER = answer_stream("The answer is 7.")
COMPLETE: Script = [STREAM_HEAD, chunk(ANSWER), LAST_CHUNK]
MS = 1_000_000
#: More than any socket buffer takes at once.
LARGE = b"x" * (12 * 2**20)


@pytest.fixture(params=MEASURED_WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@contextmanager
def silent_place():
    """An address whose backlog is full: the kernel answers no further SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()
        finally:
            for filler in fillers:
                filler.close()


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
    monkeypatch.setattr(origin, "_STALE_WITHIN_NS", 100 * MS)
    (_, second), server = way.tapes(COMPLETE, [0.3, Do.CLOSE], n=2)
    assert second.failure is not None
    assert (second.failure.kind, len(server.requests)) == (FailureKind.CONNECTION, 2)
    assert second.closed_ns - second.sent_ns > 250 * MS


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


# ---------------------------------------------------------------- addresses


def addresses(*found: tuple[socket.AddressFamily, Any]):
    async def look_up(to: Any) -> Sequence[Any]:
        return found

    return look_up


def test_where_the_first_address_is_silent_the_second_answers(way: Way, monkeypatch: pytest.MonkeyPatch):
    async def run(silent: Any) -> Tape:
        async with scripted(COMPLETE) as server:
            found = addresses((socket.AF_INET, silent), (socket.AF_INET, ("127.0.0.1", server.port)))
            monkeypatch.setattr("evalharness.transport.connecting.addresses_of", found)
            transport = way.to("http://name.example/v1")
            tape = await exchange(transport)
            await transport.close()
            return tape

    with silent_place() as silent:
        tape = way.run(run(silent))
    assert tape.failure is None
    assert tape.connect_ns is not None
    # Source: RFC 8305, section 8: 250 ms between two attempts.
    assert 240 * MS < tape.connect_ns < 1_000 * MS


def test_where_the_first_address_refuses_the_second_is_tried_at_once(way: Way, monkeypatch: pytest.MonkeyPatch):
    async def run() -> Tape:
        async with scripted(COMPLETE) as server:
            found = addresses((socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_INET, ("127.0.0.1", server.port)))
            monkeypatch.setattr("evalharness.transport.connecting.addresses_of", found)
            transport = way.to("http://name.example/v1")
            tape = await exchange(transport)
            await transport.close()
            return tape

    tape = way.run(run())
    assert tape.failure is None
    assert tape.connect_ns is not None
    assert tape.connect_ns < 200 * MS


def test_of_several_failures_the_most_telling_is_told(way: Way, monkeypatch: pytest.MonkeyPatch):
    # A documentation prefix (RFC 3849) that no route leads to, then a port where nothing listens.
    found = addresses((socket.AF_INET6, ("2001:db8::1", 9)), (socket.AF_INET, ("127.0.0.1", 9)))
    monkeypatch.setattr("evalharness.transport.connecting.addresses_of", found)
    tape = way.tape_from("http://name.example/v1", connect=5000)
    assert tape.failure is not None
    assert tape.failure.message.startswith("nothing listens at name.example:80")


def test_both_families_are_tried_in_turn():
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "d")]
    assert connecting._alternating(found) == [(six, "a"), (four, "d"), (six, "b"), (six, "c")]


def test_over_ipv6(way: Way):
    (tape,), server = way.tapes_over({"host": "::1"}, COMPLETE)
    assert (tape.failure, body_of(tape)) == (None, ANSWER)
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
    assert tape.source is (StampSource.KERNEL if sys.platform == "linux" else StampSource.USER)


def test_a_place_of_ipv6_is_written_with_brackets(way: Way):
    tape = way.tape_from("http://[::1]:9/v1")
    assert tape.failure is not None
    assert tape.failure.message.startswith("nothing listens at [::1]:9:")


def test_over_a_unix_socket_the_stamps_are_the_client_s_own(way: Way, tmp_path: Path):
    path = tmp_path / "s"
    listening = {"unix_socket": path}
    settings = {"route": Route(unix_socket=str(path))}
    (first, second), _ = way.tapes_over(listening, COMPLETE, COMPLETE, n=2, settings=settings)
    assert (first.failure, body_of(first), first.source) == (None, ANSWER, StampSource.USER)
    assert second.connection_reused


def test_a_unix_socket_whose_queue_is_full_is_waited_for(way: Way, tmp_path: Path):
    path = str(tmp_path / "s")

    async def run() -> Tape:
        loop = asyncio.get_running_loop()
        listener = socket.socket(socket.AF_UNIX)
        fillers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        listener.bind(path)
        listener.listen(0)
        listener.setblocking(False)
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(path)
        transport = way.to("http://localhost/v1", route=Route(unix_socket=path))
        running = asyncio.create_task(exchange(transport))
        await asyncio.sleep(0.1)
        accepted = []
        while len(accepted) < 4:
            accepted.append((await asyncio.wait_for(loop.sock_accept(listener), 5))[0])
            if len(accepted) == 1:
                for filler in fillers:
                    filler.close()
            if any(is_ours(sock) for sock in accepted):
                break
        ours = next(sock for sock in accepted if is_ours(sock))
        await loop.sock_sendall(ours, b"".join(part for part in COMPLETE if isinstance(part, bytes)))
        tape = await running
        await transport.close()
        for sock in (*accepted, *fillers, listener):
            sock.close()
        return tape

    def is_ours(sock: socket.socket) -> bool:
        sock.setblocking(True)
        sock.settimeout(0.3)
        try:
            return bool(sock.recv(10, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            sock.setblocking(False)

    assert way.run(run()).failure is None


def test_a_missing_socket_file_is_said(way: Way, tmp_path: Path):
    tape = way.tape_from("http://localhost/v1", settings={"route": Route(unix_socket=str(tmp_path / "none"))})
    assert tape.failure is not None
    assert (tape.failure.kind, str(tmp_path / "none") in tape.failure.message) == (FailureKind.CONNECTION, True)


# ---------------------------------------------------------------- exhausted means


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_process_without_descriptors_says_so(host: str):
    script = (
        "import asyncio, os, resource;"
        "from tests.support.transports import MEASURING, request_of, terms_of;"
        "request, terms = request_of(), terms_of();"
        "runner = asyncio.Runner(loop_factory=MEASURING.new_loop);"
        f"t = MEASURING.to('http://{host}:9/v1');"
        "runner.run(t.exchange(request, terms));"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20));"
        "held = []\n"
        "while True:\n"
        "    try: held.append(os.dup(0))\n"
        "    except OSError: break\n"
        "print(runner.run(t.exchange(request, terms)).failure.message)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("this process has no file descriptor left: raise the limit (`ulimit -n 8192`)")


def test_a_stream_of_a_hundred_megabytes_takes_no_more_memory_than_a_short_one():
    script = """
import asyncio, json, resource, sys
from tests.support.scripted_server import *
from tests.support.transports import MEASURING, exchange
from evalharness.core.model import Limits

delta = b'data: {"type":"response.output_text.delta","delta":"' + b"x" * 8000 + b'"}\\n\\n'

async def main():
    taken = 0
    def sink(head, reads):
        nonlocal taken
        taken += sum(len(data) for _, data in reads)
    short, long = ([STREAM_HEAD, *[chunk(delta * 8)] * n, LAST_CHUNK] for n in (1, 1700))
    async with scripted(short, long) as server:
        transport = MEASURING.to(server.base_url)
        await exchange(transport, sink=sink)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tape = await exchange(transport, sink=sink, limits=Limits(max_body_bytes=2**30), total=60_000)
        await transport.close()
        return tape, taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

with asyncio.Runner(loop_factory=MEASURING.new_loop) as runner:
    tape, taken, grown_kib = runner.run(main())
print(json.dumps([str(tape.failure), len(tape.reads), taken, grown_kib]))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    failure, n_reads, taken, grown_kib = json.loads(done.stdout)
    assert (failure, n_reads) == ("None", 0)
    assert taken > 100 * 2**20
    # The server is in the same process; what is measured bounds both.
    assert grown_kib < 24 * 1024


# ---------------------------------------------------------------- the loop survives


def test_a_defect_in_a_sink_ends_its_exchange_and_no_other():
    def broken(head: ResponseHead, reads: Sequence[tuple[int, bytes]]) -> None:
        raise ZeroDivisionError

    async def run() -> tuple[Any, Tape]:
        async with scripted(COMPLETE, [0.1, *COMPLETE]) as server:
            transport = MEASURING.to(server.base_url)
            done = await asyncio.gather(exchange(transport, sink=broken), exchange(transport), return_exceptions=True)
            await transport.close()
            return done

    first, second = MEASURING.run(run())
    assert isinstance(first, ZeroDivisionError)
    assert isinstance(second, Tape)
    assert second.failure is None


def test_a_defect_where_the_socket_is_read_ends_its_exchange_and_not_the_loop(
    way: Way, monkeypatch: pytest.MonkeyPatch
):
    from evalharness.transport.reception import Reception

    def broken(self: Reception, *_: object) -> bool:
        raise ZeroDivisionError

    async def run() -> Any:
        async with scripted(COMPLETE, COMPLETE) as server:
            transport = way.to(server.base_url)
            with monkeypatch.context() as patched:
                patched.setattr(Reception, "received", broken)
                with pytest.raises(ZeroDivisionError):
                    await exchange(transport)
            tape = await exchange(transport)
            await transport.close()
            return tape

    assert way.run(run()).failure is None


def test_other_users_of_the_loop_are_served_beside_measured_sockets():
    """Timers, threads, pipes, subprocesses: asyncio's own business goes on in the measuring loop."""

    async def run() -> tuple[Tape, bytes, int]:
        assert isinstance(asyncio.get_running_loop(), MeasuringLoop)
        async with scripted([0.05, STREAM_HEAD, *[chunk(b": x\n\n"), 0.01] * 10, chunk(ANSWER), LAST_CHUNK]) as server:
            transport = MEASURING.to(server.base_url)
            running = asyncio.create_task(exchange(transport))
            child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
            out, _ = await child.communicate(b"through a pipe")
            n = await asyncio.to_thread(lambda: 7)
            await asyncio.sleep(0.0005)
            tape = await running
            await transport.close()
            return tape, out, n

    tape, out, n = MEASURING.run(run())
    assert (tape.failure, out, n) == (None, b"through a pipe", 7)


def test_a_loop_with_descriptors_beyond_those_of_select_keeps_its_timers():
    loop = MeasuringLoop()
    loop._sockets._has_fine_timers = False

    async def run() -> float:
        before = time.perf_counter()
        for _ in range(5):
            await asyncio.sleep(0.0002)
        return time.perf_counter() - before

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(run()) >= 0.001


def test_the_same_script_of_heads_ends_alike_in_either_loop():
    """Half a close-delimited body, an interim head, and a body in one segment with its head."""
    scripts: list[Script] = [
        [b"HTTP/1.1 100 Continue\r\n\r\n", 0.02, whole(b"hi")],
        [head(), b"hi", Do.CLOSE],
        [whole(b"")],
    ]
    for script in scripts:
        found = [(body_of(tape), tape.failure) for tape in (way.tape_of(*script) for way in MEASURED_WAYS)]
        assert found[0] == found[1]
        assert found[0][1] is None
