"""``doctor``: what this client, on this machine, at this load, can be trusted for.

It measures the built-in server, which logs when it wrote each event, and compares. No call is paid for.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.app.children import simulator_at
from evalharness.app.foreman import staffed
from evalharness.app.preflight import SPARE_DESCRIPTORS, most_in_flight
from evalharness.core.clock import SystemClock
from evalharness.core.model import Endpoint, EndpointKind, LevelUnit, Load, Plan
from evalharness.core.ports import Clock, Exchange, Exchanger, HttpRequest
from evalharness.core.record import StampSource
from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.engine.execute import LEAD_NS
from evalharness.transport.access import Access
from evalharness.transport.crew import Crew, CrewExchanger
from evalharness.transport.loop import MeasuringLoop, new_event_loop

#: Without a suite: so many calls in flight.
STREAMS = (1, 16, 64, 256)
#: A time is good to a hundredth where this client's error is no more.
GOOD_SHARE = 0.01
_MODEL = "sim-mini"
_ENDPOINT = "doctor"
_CALL_S = 0.7
_AT_LEAST_CALLS = 8
_ROUNDS = 2
_OPEN_FOR_S = 3.0
_TIMER_TRIES = 50
_LOG_WITHIN_S = 5.0
_FIRST, _LAST = "response.output_text.delta", "response.completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One load to measure under: calls in flight, or calls a second."""

    streams: int | None = None
    rate_per_s: float | None = None

    @property
    def label(self) -> str:
        return f"{self.streams:,} in flight" if self.streams is not None else f"{self.rate_per_s:g} a second"

    @property
    def n_calls(self) -> int:
        if self.streams is not None:
            return max(_AT_LEAST_CALLS, _ROUNDS * self.streams)
        assert self.rate_per_s is not None  # exactly one is set
        return max(_AT_LEAST_CALLS, round(self.rate_per_s * _OPEN_FOR_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of absolute values, in milliseconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSeen:
    """``*_error_ms``: this client's figure minus the server's own. ``stated_ms``: the bound it states for the first
    output, and ``held_share`` the share of calls whose truth lies within it. ``dispatch_ms``: sent minus meant, None in
    a closed loop. ``server_late_ms``: how late the server was with its own plan, which is no error of the client."""

    level: Level
    n_calls: int
    n_failed: int
    ttfo_error_ms: Spread
    end_error_ms: Spread
    stated_ms: Spread
    held_share: float
    read_lag_ms: Spread
    coalesced_share: float
    server_late_ms: Spread
    dispatch_ms: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """``timer_late_ms``: how much later than asked for a wait ends. ``in_flight_at_most``: by descriptors and ports."""

    cores: int
    load_average: float
    descriptors: int
    in_flight_at_most: int
    timer_late_ms: Spread
    stamps: StampSource
    loop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    machine: Machine
    levels: tuple[LevelSeen, ...]
    advice: tuple[str, ...]


def levels_of(plan: Plan | None) -> tuple[Level, ...]:
    """The loads of a suite; without one, from one call in flight to many."""
    if plan is None:
        return tuple(Level(streams=n) for n in STREAMS)
    load = plan.suite.load
    if load.level_unit is LevelUnit.CONCURRENCY:
        return tuple(Level(streams=round(level)) for level in load.levels)
    if load.level_unit is LevelUnit.RATE_PER_S:
        return tuple(Level(rate_per_s=level) for level in load.levels)
    return (_level(load),)


def _level(load: Load) -> Level:
    if load.shape == "burst" and load.size is not None:
        return Level(streams=load.size)
    if load.offsets_s:
        return Level(rate_per_s=max(1.0, load.speed * len(load.offsets_s) / max(load.offsets_s[-1], 1.0)))
    rates = [rate for rate in (load.rate_per_s, load.from_per_s, load.to_per_s) if rate is not None]
    return Level(rate_per_s=max(rates)) if rates else Level(streams=load.concurrency)


def examine(plan: Plan | None, *, workers: int | str) -> Diagnosis:
    """Raises ``UsageError`` where this machine cannot hold the load, ``EndpointError`` without the server."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_examine(levels_of(plan), workers))


async def _examine(levels: Sequence[Level], workers: int | str) -> Diagnosis:
    most = max((level.streams or 1 for level in levels), default=1)
    endpoint = Endpoint(name=_ENDPOINT, kind=EndpointKind.SIMULATOR, target="latency", model=_MODEL)
    in_flight = most_in_flight(most)
    async with AsyncExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="evalharness-")))
        log = folder / "truth.jsonl"
        url = await resources.enter_async_context(simulator_at(endpoint, "latency", seed=1, truth_log=log))
        access = Access(endpoint=endpoint, base_url=url, concurrency=most)
        crew = Crew({_ENDPOINT: access})
        resources.push_async_callback(crew.close)
        clock = SystemClock()
        exchanger = CrewExchanger(crew, _ENDPOINT, access.exchanger(clock))
        resources.push_async_callback(exchanger.close)
        timer = await _timer_lateness(clock)
        async with staffed(crew, workers):
            seen = [await _measure(level, exchanger, clock, log) for level in levels]
        machine = Machine(
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            load_average=os.getloadavg()[0],
            descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            in_flight_at_most=in_flight,
            timer_late_ms=timer,
            stamps=seen[0][1],
            loop="measuring" if isinstance(asyncio.get_running_loop(), MeasuringLoop) else "asyncio",
        )
    found = tuple(level for level, _ in seen)
    return Diagnosis(machine=machine, levels=found, advice=_advice(machine, found, workers))


async def _timer_lateness(clock: Clock) -> Spread:
    late_ms = []
    for turn in range(_TIMER_TRIES):
        due_ns = clock.monotonic_ns() + (3 + turn % 3) * NS_PER_MS
        await asyncio.sleep((due_ns - clock.monotonic_ns()) / NS_PER_S)
        late_ms.append((clock.monotonic_ns() - due_ns) / NS_PER_MS)
    return _spread(late_ms)


# ---------------------------------------------------------------- one level


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    name: str
    meant_ns: int | None
    exchange: Exchange


async def _measure(level: Level, exchanger: Exchanger, clock: Clock, log: Path) -> tuple[LevelSeen, StampSource]:
    await exchanger.open(level.streams or 1)
    named = f"{level.label.replace(' ', '-')}"
    if level.streams is not None:
        calls = await _closed(level.streams, level.n_calls, named, exchanger)
    else:
        assert level.rate_per_s is not None  # exactly one is set
        calls = await _open(level.rate_per_s, level.n_calls, named, exchanger, clock)
    answered = [call for call in calls if call.exchange.decoded.failure is None]
    truth = await _truth(log, {call.name for call in answered})
    return _compared(level, calls, [(call, truth[call.name]) for call in answered]), _source(answered)


async def _closed(streams: int, n_calls: int, named: str, exchanger: Exchanger) -> list[_Call]:
    """Staggered over one call's length: callers that start together would measure each other."""
    numbers, calls = iter(range(n_calls)), []

    async def stream(place: int) -> None:
        await asyncio.sleep(_CALL_S * place / streams)
        for number in numbers:
            calls.append(await _call(f"{named}.{number}", exchanger, at_ns=None))

    async with asyncio.TaskGroup() as group:
        for place in range(streams):
            group.create_task(stream(place))
    return calls


async def _open(rate_per_s: float, n_calls: int, named: str, exchanger: Exchanger, clock: Clock) -> list[_Call]:
    started_ns, tasks = clock.monotonic_ns() + 2 * LEAD_NS, []
    for number in range(n_calls):
        at_ns = started_ns + round(number * NS_PER_S / rate_per_s)
        await asyncio.sleep(max(0, at_ns - LEAD_NS - clock.monotonic_ns()) / NS_PER_S)
        tasks.append(asyncio.create_task(_call(f"{named}.{number}", exchanger, at_ns=at_ns)))
    return list(await asyncio.gather(*tasks))


async def _call(name: str, exchanger: Exchanger, *, at_ns: int | None) -> _Call:
    body = {"model": _MODEL, "input": "How much is 3 + 4?", "stream": True, "store": False}
    request = HttpRequest(
        path="responses",
        headers={"content-type": "application/json", "x-client-request-id": f"doctor.{name}.0"},
        body=json.dumps(body).encode(),
    )
    return _Call(name=name, meant_ns=at_ns, exchange=await exchanger.exchange(request, stream=True, at_ns=at_ns))


async def _truth(log: Path, names: set[str]) -> Mapping[str, Mapping[str, int]]:
    """Per call when the server wrote the first delta and the terminal event, when it had the request, and how late it
    was with its plan; the log is written soon after a request ended."""
    clock = SystemClock()
    give_up_ns = clock.monotonic_ns() + round(_LOG_WITHIN_S * NS_PER_S)
    while True:
        entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
        found = {_name(entry["client_request_id"]): _moments(entry) for entry in entries if entry["client_request_id"]}
        if names <= found.keys() or clock.monotonic_ns() > give_up_ns:
            return found
        await asyncio.sleep(0.1)


def _name(client_request_id: str) -> str:
    return client_request_id.removeprefix("doctor.").removesuffix(".0")


def _moments(entry: Mapping[str, Any]) -> Mapping[str, int]:
    first = next((event for event in entry["events"] if event[0] == _FIRST), None)
    last = next((event for event in entry["events"] if event[0] == _LAST), None)
    if first is None or last is None:
        return {}
    return {"first_ns": first[2], "last_ns": last[2], "late_ns": max(event[2] - event[1] for event in entry["events"])}


def _source(calls: Sequence[_Call]) -> StampSource:
    sources = Counter(call.exchange.observed.source for call in calls if call.exchange.observed is not None)
    return sources.most_common(1)[0][0] if sources else StampSource.USER


def _compared(level: Level, calls: Sequence[_Call], known: Sequence[tuple[_Call, Mapping[str, int]]]) -> LevelSeen:
    first_ms, end_ms, stated_ms, late_ms, lag_ms, held, n_gaps, n_coalesced = [], [], [], [], [], [], 0, 0
    for call, truth in known:
        stamps, observed = call.exchange.decoded.stamps, call.exchange.observed
        if observed is None or observed.first_output_error_ns is None or not truth:
            continue
        assert stamps.first_output_ns is not None and stamps.done_ns is not None  # an answered stream has both
        error_ms = (stamps.first_output_ns - truth["first_ns"]) / NS_PER_MS
        first_ms.append(error_ms)
        end_ms.append((stamps.done_ns - truth["last_ns"]) / NS_PER_MS)
        stated_ms.append((observed.first_output_error_ns + observed.send_ns) / NS_PER_MS)
        held.append(abs(error_ms) <= stated_ms[-1])
        late_ms.append(truth["late_ns"] / NS_PER_MS)
        lag_ms.append(observed.max_lag_ns / NS_PER_MS)
        n_gaps += len(stamps.deltas_ns) - 1
        n_coalesced += observed.n_coalesced
    dispatch_ms = [(call.exchange.tape.sent_ns - call.meant_ns) / NS_PER_MS for call in calls if call.meant_ns]
    return LevelSeen(
        level=level,
        n_calls=len(calls),
        n_failed=len(calls) - len(known),
        ttfo_error_ms=_spread(first_ms),
        end_error_ms=_spread(end_ms),
        stated_ms=_spread(stated_ms),
        held_share=sum(held) / len(held) if held else 0.0,
        read_lag_ms=_spread(lag_ms),
        coalesced_share=n_coalesced / n_gaps if n_gaps else 0.0,
        server_late_ms=_spread(late_ms),
        dispatch_ms=_spread(dispatch_ms) if dispatch_ms else None,
    )


def _spread(values_ms: Sequence[float]) -> Spread:
    """Nearest rank of the absolute values; all infinite where there is none."""
    sizes = sorted(abs(value) for value in values_ms) or [float("inf")]
    return Spread(p50=_rank(sizes, 0.5), p99=_rank(sizes, 0.99), max=sizes[-1])


def _rank(ordered: Sequence[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, -int(-q * len(ordered) // 1) - 1)]


# ---------------------------------------------------------------- what follows from it


def _advice(machine: Machine, levels: Sequence[LevelSeen], workers: int | str) -> tuple[str, ...]:
    """Whole sentences: what can be trusted first, then what can be mended."""
    said = [_trust(level) for level in levels]
    if machine.stamps is StampSource.USER:
        said.append("Arrivals are dated by this program and not by the kernel: their error grows with the load.")
    worst = max(levels, key=lambda level: level.coalesced_share)
    if worst.coalesced_share > GOOD_SHARE and not workers:
        said.append(
            f"At {worst.level.label} {worst.coalesced_share:.1%} of the gaps between deltas may be our own lateness: "
            "run with --workers auto, or with fewer streams."
        )
    if machine.load_average > machine.cores:
        said.append(
            f"This machine is busy (load {machine.load_average:.1f}, {machine.cores} cores): try again when idle."
        )
    if machine.descriptors < max(level.level.streams or 0 for level in levels) + SPARE_DESCRIPTORS:
        said.append(f"This process may open {machine.descriptors:,} files: raise it with `ulimit -n` for more streams.")
    return tuple(said)


def _trust(seen: LevelSeen) -> str:
    error_ms = max(seen.ttfo_error_ms.p99, seen.stated_ms.p99)
    return (
        f"At {seen.level.label}: times are right to {error_ms:.2f} ms for 99% of calls, "
        f"so to 1% from {error_ms / GOOD_SHARE:,.0f} ms up."
    )
