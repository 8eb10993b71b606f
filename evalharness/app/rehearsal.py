"""The loads under which ``doctor`` measures this client: those of a suite, or from one call in flight to many. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from evalharness.app.lanes import used_endpoints
from evalharness.app.preflight import slots
from evalharness.core.model import Endpoint, Load, Plan
from evalharness.core.units import NS_PER_S
from evalharness.load_shapes import stretches

#: Without a suite: so many calls in flight.
STREAMS = (1, 16, 64, 256)
#: Of a load that a clock starts: so much of it, where it is busiest.
BUSIEST_S = 3
#: How long a call of the server that is measured takes: the profile ``latency``.
CALL_S = 0.7
_MOST_STARTS = 200_000
#: Fewer calls say nothing of a hundredth of them; where calls are few at a time, as many would take too long.
_CALLS = 100
_LEAST_ROUNDS, _MOST_ROUNDS = 2, 8
_LEAST_STARTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One load: ``streams`` calls in flight all the time, or calls that start at ``offsets_ns`` from its beginning."""

    label: str
    streams: int | None = None
    offsets_ns: tuple[int, ...] = ()

    @property
    def n_calls(self) -> int:
        if self.streams is None:
            return len(self.offsets_ns)
        rounds = -(-_CALLS // self.streams)
        return self.streams * min(_MOST_ROUNDS, max(_LEAST_ROUNDS, rounds))

    @property
    def most_in_flight(self) -> int:
        return len(busiest(self.offsets_ns, CALL_S)) if self.streams is None else self.streams


def levels_of(plan: Plan | None) -> tuple[Level, ...]:
    """In the plan's order. One client carries the load of all endpoints at once, so it is measured under their sum."""
    if plan is None:
        return tuple(_in_flight(n) for n in STREAMS)
    load, endpoints = plan.suite.load, used_endpoints(plan)
    if not load.is_open:
        levels = load.levels or (load.concurrency,)
        return tuple(_in_flight(sum(slots(endpoint, level) for endpoint in endpoints)) for level in levels)
    at = f" at each of {len(endpoints)}" if len(endpoints) > 1 else ""
    return tuple(
        _by_the_clock(_started(load, step) + at, list(_starts(load, step, endpoints)))
        for step in range(len(load.levels) or 1)
    )


def _in_flight(n: int) -> Level:
    return Level(label=f"{n:,} in flight", streams=n)


def _started(load: Load, step: int) -> str:
    """How a load that a clock starts is called."""
    if load.shape == "burst":
        return f"{load.size:,} at once"
    if load.shape == "trace":
        return f"busiest {BUSIEST_S} s"
    if load.shape == "ramp":
        return f"up to {max(load.from_per_s or 0, load.to_per_s or 0):g} a second"
    return f"{load.levels[step] if load.levels else load.rate_per_s:g} a second"


def _starts(load: Load, step: int, endpoints: Sequence[Endpoint]) -> Iterator[int]:
    """Of all endpoints, in order: to the end of a load that has one, else as long as is measured."""
    shape = stretches(load)[step].shape
    starts = islice(heapq.merge(*(shape.offsets_ns(endpoint.name) for endpoint in endpoints)), _MOST_STARTS)
    if load.shape in ("ramp", "trace"):
        return starts
    return takewhile(lambda at_ns: at_ns < BUSIEST_S * NS_PER_S, starts)


def _by_the_clock(label: str, starts_ns: Sequence[int]) -> Level:
    chosen = busiest(starts_ns, BUSIEST_S)
    if len(chosen) >= _LEAST_STARTS:
        return Level(label=label, offsets_ns=chosen)
    # So light a load is no test of a client, and to wait for enough of it would take minutes.
    step_ns = BUSIEST_S * NS_PER_S // _LEAST_STARTS
    label = f"{label}, measured at {_LEAST_STARTS / BUSIEST_S:.1f}"
    return Level(label=label, offsets_ns=tuple(place * step_ns for place in range(_LEAST_STARTS)))


def busiest(starts_ns: Sequence[int], seconds: float) -> tuple[int, ...]:
    """The rising starts of the window of that length that holds the most of them, the first such, from 0 on."""
    begin, end, first = 0, 0, 0
    for last, at_ns in enumerate(starts_ns):
        while at_ns - starts_ns[first] >= seconds * NS_PER_S:
            first += 1
        if last + 1 - first > end - begin:
            begin, end = first, last + 1
    return tuple(at_ns - starts_ns[begin] for at_ns in starts_ns[begin:end])
