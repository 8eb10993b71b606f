"""What the measuring transport takes of descriptors, memory and the event loop, and what is left to others."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from evalharness.core.ports import ResponseHead, Tape
from evalharness.transport.loop import MeasuringLoop
from tests.support.scripted_server import (
    ANSWER,
    COMPLETE,
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
import asyncio, json, sys
from tests.support.scripted_server import *
from tests.support.peak import peak_mib
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
        before = peak_mib()
        tape = await exchange(transport, sink=sink, limits=Limits(max_body_bytes=2**30), total=60_000)
        await transport.close()
        return tape, taken, peak_mib() - before

with asyncio.Runner(loop_factory=MEASURING.new_loop) as runner:
    tape, taken, grown_mib = runner.run(main())
print(json.dumps([str(tape.failure), len(tape.reads), taken, grown_mib]))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    failure, n_reads, taken, grown_mib = json.loads(done.stdout)
    assert (failure, n_reads) == ("None", 0)
    assert taken > 100 * 2**20
    # The server is in the same process; what is measured bounds both.
    assert grown_mib < 24


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
