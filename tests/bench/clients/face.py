"""What every client has in common: its flags, how it drives its calls, what it prints.

A client runs ``--streams`` calls at a time and ``--rounds`` of them in each stream, one after another. Stream *s*
begins ``s * --stagger-ns`` after the start. Unless ``--cold``, every stream makes a call before the clock runs (its
number is -1), so that connections are open and code is warm. ``--record`` prints every call, otherwise the summary
alone:

    {"call": 3, "sent_ns": 1, "send_ns": 2, "reads": [[4, 120], [5, 240]], "done_ns": 6}
    {"summary": {"wall_s": 1.0, "cpu_s": 0.5, "n_calls": 64, "n_failed": 0, "unit": "body_bytes"}}

``reads`` are (stamp, how much had come by then), counted in ``unit``: ``wire_bytes``, ``body_bytes``, ``events`` or
``deltas``. ``done_ns`` only where it is not the stamp of the last read. Stamps are CLOCK_MONOTONIC.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from evalharness.core.record import Observed
from tests.bench.units import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    port: int
    streams: int
    rounds: int
    stagger_ns: int
    cold: bool
    record: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One call as its client saw it. ``observed``: what the client says of its own error.

    ``reads`` is called when the call is printed: what only the benchmark needs costs no client time in the window.
    """

    sent_ns: int
    reads: Callable[[], Sequence[tuple[int, int]]]
    send_ns: int | None = None
    done_ns: int | None = None
    observed: Observed | None = None


class Client(Protocol):
    @property
    def what(self) -> str:
        """Name and version, for the table."""
        ...

    @property
    def unit(self) -> str: ...

    async def open(self, connections: int) -> None: ...

    async def call(self, number: int) -> Heard | None:
        """One answer to its end. None: it was not understood as a whole answer. May raise whatever its library does."""
        ...

    async def close(self) -> None: ...


BODY = {"model": "sim-mini", "input": "How long does this take?", "stream": True}


def headers_of(number: int) -> dict[str, str]:
    """``x-call`` is for the clocked server, ``x-client-request-id`` for the simulator."""
    named = {"x-call": str(number), "x-client-request-id": str(number)}
    return {"content-type": "application/json", "accept": "text/event-stream", **named}


def body_bytes() -> bytes:
    return json.dumps(BODY, separators=(",", ":")).encode()


def fastest_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed: the others shall not lose by their loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main(make: Callable[[Flags], Client], new_loop: Callable[[], asyncio.AbstractEventLoop] = fastest_loop) -> None:
    flags = _flags()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_measure(make(flags), flags))


async def _measure(client: Client, flags: Flags) -> None:
    await client.open(0 if flags.cold else flags.streams)
    if not flags.cold:
        await asyncio.gather(*(client.call(-1) for _ in range(flags.streams)))
    gc.collect()
    gc.freeze()
    gc.disable()
    cpu_s, start_ns = time.process_time(), time.perf_counter_ns()
    heard = await _all_streams(client, flags, start_ns)
    wall_s, cpu_s = (time.perf_counter_ns() - start_ns) / NS_PER_S, time.process_time() - cpu_s
    gc.enable()
    await client.close()
    for number, call in heard.items():
        if flags.record and call is not None:
            print(_line(number, call))
    summary = {
        "wall_s": wall_s, "cpu_s": cpu_s, "n_calls": len(heard),
        "n_failed": sum(call is None for call in heard.values()), "unit": client.unit, "what": client.what,
    }  # fmt: skip
    print(json.dumps({"summary": summary}))


async def _all_streams(client: Client, flags: Flags, start_ns: int) -> dict[int, Heard | None]:
    heard: dict[int, Heard | None] = {}

    async def stream(index: int) -> None:
        wait_ns = start_ns + index * flags.stagger_ns - time.perf_counter_ns()
        if wait_ns > 0:
            await asyncio.sleep(wait_ns / NS_PER_S)
        for turn in range(flags.rounds):
            number = turn * flags.streams + index
            try:
                call = await client.call(number)
            except Exception as error:
                print(f"call {number}: {error!r}", file=sys.stderr)
                call = None
            heard[number] = call if flags.record or call is None else _SEEN

    await asyncio.gather(*(stream(index) for index in range(flags.streams)))
    return heard


#: What remains of a call that nobody will look at.
_SEEN = Heard(sent_ns=0, reads=list)


def _line(number: int, call: Heard) -> str:
    told: dict[str, object] = {"call": number, "sent_ns": call.sent_ns, "reads": call.reads()}
    if call.send_ns is not None:
        told["send_ns"] = call.send_ns
    if call.done_ns is not None:
        told["done_ns"] = call.done_ns
    return json.dumps(told | ({} if call.observed is None else asdict(call.observed)))


def _flags() -> Flags:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--stagger-ns", type=int, default=0)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--record", action="store_true")
    return Flags(**vars(parser.parse_args()))
