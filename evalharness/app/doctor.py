"""``doctor``: what this client, on this machine, at this load, can be trusted for.

It measures the built-in server, which logs when it wrote each event, and compares. No call is paid for.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from evalharness.app.advice import advice
from evalharness.app.children import simulator_at
from evalharness.app.diagnosis import (
    Asked,
    Diagnosis,
    LevelSeen,
    Machine,
    Spread,
    Truth,
    compare,
    spread,
    truths,
)
from evalharness.app.foreman import staffed
from evalharness.app.lanes import used_endpoints
from evalharness.app.preflight import most_in_flight
from evalharness.app.rehearsal import CALL_S, Level, levels_of
from evalharness.app.run import MOST_OPEN_AHEAD, OPEN_AHEAD
from evalharness.app.surroundings import surroundings
from evalharness.app.undisturbed import undisturbed
from evalharness.core.clock import SystemClock
from evalharness.core.model import Endpoint, EndpointKind, Plan
from evalharness.core.ports import Clock, Exchanger, HttpRequest
from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.engine.gatekeeper import LEAD_NS
from evalharness.transport.access import Access
from evalharness.transport.clock_watch import ClockWatch
from evalharness.transport.crew import Crew, CrewExchanger
from evalharness.transport.httpx_transport import FROM_ENVIRONMENT
from evalharness.transport.loop import MeasuringLoop, new_event_loop

_MODEL = "sim-mini"
_PROFILE = "latency"
_NAME = "doctor"
_TIMER_TRIES = 50
#: The server writes a line less than a second after a call ended.
_LOG_WITHIN_S = 5.0


def examine(plan: Plan | None, *, workers: int | str, out: Path, environ: Mapping[str, str]) -> Diagnosis:
    """Under the load of a plan, or without one under a few of growing size. Takes some seconds a level. ``out``: where
    runs are kept.

    Raises ``UsageError`` where this machine cannot hold the load, ``EndpointError`` where the server does not start.
    """
    watch = ClockWatch()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        machine, levels = runner.run(_examine(levels_of(plan), workers))
    used = () if plan is None else used_endpoints(plan)
    wants_proxy = [endpoint.name for endpoint in used if endpoint.route.proxy == FROM_ENVIRONMENT]
    checks = surroundings(out, environ, watch, wants_proxy=wants_proxy)
    return Diagnosis(machine=machine, levels=levels, advice=advice(machine, levels), checks=checks)


async def _examine(levels: Sequence[Level], workers: int | str) -> tuple[Machine, tuple[LevelSeen, ...]]:
    most = max(level.most_in_flight for level in levels)
    in_flight_at_most = most_in_flight(most)
    clock = SystemClock()
    async with AsyncExitStack() as resources:
        log = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="evalharness-"))) / "truth.jsonl"
        crew, exchanger = await _reached(log, most, clock, resources)
        timer_late_ms = await _timer_lateness(clock)
        async with staffed(crew, workers):
            with undisturbed():
                seen = [await _measure(level, exchanger, clock, log) for level in levels]
            n_workers = len(crew)
    machine = Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        load_average=os.getloadavg()[0],
        in_flight_at_most=in_flight_at_most,
        timer_late_ms=timer_late_ms,
        loop="measuring" if isinstance(asyncio.get_running_loop(), MeasuringLoop) else "foreign",
        n_workers=n_workers,
    )
    return machine, tuple(seen)


async def _reached(log: Path, most: int, clock: Clock, resources: AsyncExitStack) -> tuple[Crew, Exchanger]:
    """A server that logs what it does, and the way to it that a run would take."""
    endpoint = Endpoint(name=_NAME, kind=EndpointKind.SIMULATOR, target=_PROFILE, model=_MODEL)
    url = await resources.enter_async_context(simulator_at(endpoint, _PROFILE, seed=1, truth_log=log))
    access = Access(endpoint=endpoint, base_url=url, concurrency=most)
    crew = Crew({_NAME: access})
    resources.push_async_callback(crew.close)
    exchanger = CrewExchanger(crew, _NAME, access.exchanger(clock))
    resources.push_async_callback(exchanger.close)
    return crew, exchanger


async def _timer_lateness(clock: Clock) -> Spread | None:
    late_ns = []
    for turn in range(_TIMER_TRIES):
        due_ns = clock.monotonic_ns() + (3 + turn % 3) * NS_PER_MS
        await asyncio.sleep((due_ns - clock.monotonic_ns()) / NS_PER_S)
        late_ns.append(clock.monotonic_ns() - due_ns)
    return spread(late_ns)


# ---------------------------------------------------------------- one level


async def _measure(level: Level, exchanger: Exchanger, clock: Clock, log: Path) -> LevelSeen:
    await exchanger.open(min(OPEN_AHEAD if level.streams is None else level.streams, MOST_OPEN_AHEAD))
    names = [f"{_NAME}.{level.label}.{number}".replace(" ", "-") for number in range(level.n_calls)]
    if level.streams is None:
        asked = await _by_the_clock(level.offsets_ns, names, exchanger, clock)
    else:
        asked = await _in_flight(level.streams, names, exchanger)
    answered = {call.name for call in asked if call.exchange.decoded.failure is None}
    return compare(level.label, asked, await _logged(log, answered, clock))


async def _in_flight(streams: int, names: Sequence[str], exchanger: Exchanger) -> list[Asked]:
    """Staggered over one call's length, as a run does: callers that start together would measure each other."""
    left, asked = iter(names), []

    async def stream(place: int) -> None:
        await asyncio.sleep(CALL_S * place / streams)
        for name in left:
            asked.append(await _ask(name, exchanger, meant_ns=None))

    async with asyncio.TaskGroup() as group:
        for place in range(streams):
            group.create_task(stream(place))
    return asked


async def _by_the_clock(
    offsets_ns: Sequence[int], names: Sequence[str], exchanger: Exchanger, clock: Clock
) -> list[Asked]:
    started_ns = clock.monotonic_ns() + 2 * LEAD_NS
    async with asyncio.TaskGroup() as group:
        tasks = []
        for name, offset_ns in zip(names, offsets_ns, strict=True):
            meant_ns = started_ns + offset_ns
            await asyncio.sleep(max(0, meant_ns - LEAD_NS - clock.monotonic_ns()) / NS_PER_S)
            tasks.append(group.create_task(_ask(name, exchanger, meant_ns=meant_ns)))
    return [task.result() for task in tasks]


async def _ask(name: str, exchanger: Exchanger, *, meant_ns: int | None) -> Asked:
    body = {"model": _MODEL, "input": "How much is 3 + 4?", "stream": True, "store": False}
    request = HttpRequest(
        path="responses",
        headers={"content-type": "application/json", "x-client-request-id": name},
        body=json.dumps(body).encode(),
    )
    return Asked(name=name, meant_ns=meant_ns, exchange=await exchanger.exchange(request, stream=True, at_ns=meant_ns))


async def _logged(log: Path, names: set[str], clock: Clock) -> Mapping[str, Truth]:
    """What the server wrote down, as soon as it has written of all ``names``, or what is there when time is up."""
    give_up_ns = clock.monotonic_ns() + round(_LOG_WITHIN_S * NS_PER_S)
    while True:
        found = truths(log.read_text(encoding="utf-8").splitlines() if log.exists() else ())
        if names <= found.keys() or clock.monotonic_ns() > give_up_ns:
            return found
        await asyncio.sleep(0.1)
