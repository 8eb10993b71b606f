"""This client's times against the server's own log: how far off they were, and whether it said so. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.app.surroundings import Check
from evalharness.core.ports import Exchange
from evalharness.core.record import StampSource
from evalharness.core.units import NS_PER_MS

_FIRST, _LAST = "response.output_text.delta", "response.completed"
_NS_PER_US = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One call in the server's log, in nanoseconds of the clock that both processes read.

    ``first_ns`` and ``last_ns``: just before it wrote the first delta and the terminal event; ``*_took_ns``: how long
    the kernel took them for, so that the bytes left within. ``late_ns``: how far behind its own plan it was at most.
    """

    received_ns: int
    first_ns: int
    first_took_ns: int
    last_ns: int
    last_took_ns: int
    late_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call of this client; ``meant_ns`` None: it was to start as soon as it could."""

    name: str
    meant_ns: int | None
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of absolute values, in milliseconds: nearest ranks."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSeen:
    """How one load was seen. A spread is None where nothing was measured.

    ``ttfo_error_ms`` and ``latency_error_ms``: this client's time minus the server's, from having the request to
    writing the first delta, or the terminal event. ``stated_ms``: the larger of what the client says these two may be
    off by; None where it cannot say. ``held_share``: of the calls with a stated error, for how many both kept to it.
    ``read_lag_ms``: the longest that bytes of a call waited to be read. ``dispatch_ms``: sent minus meant; None where
    no clock started the calls. ``server_late_ms``: the server behind its own plan, which is no error of the client.
    """

    label: str
    n_calls: int
    n_failed: int
    n_compared: int
    sources: Mapping[StampSource, int]
    ttfo_error_ms: Spread | None
    latency_error_ms: Spread | None
    stated_ms: Spread | None
    held_share: float | None
    read_lag_ms: Spread | None
    coalesced_share: float | None
    dispatch_ms: Spread | None
    server_late_ms: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """``in_flight_at_most``: by descriptors and local ports. ``timer_late_ms``: how much later than asked for a wait
    ends. ``loop``: ``measuring``, or ``foreign`` where there is no epoll. ``n_workers``: in the end."""

    cores: int
    load_average: float
    in_flight_at_most: int
    timer_late_ms: Spread | None
    loop: str
    n_workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """``advice`` are whole sentences: what can be trusted, level by level, then what could be better. ``checks``: what
    else may get in a run's way."""

    machine: Machine
    levels: tuple[LevelSeen, ...]
    advice: tuple[str, ...]
    checks: tuple[Check, ...]


# ---------------------------------------------------------------- the truth


def truths(lines: Iterable[str]) -> Mapping[str, Truth]:
    """From the lines of the truth log: the calls that were answered in full, by the request id that was sent."""
    entries = map(json.loads, lines)
    found = {str(entry["client_request_id"]): _truth(entry) for entry in entries}
    return {name: truth for name, truth in found.items() if truth is not None}


def _truth(entry: Mapping[str, Any]) -> Truth | None:
    first = next((event for event in entry["events"] if event[0] == _FIRST), None)
    last = next((event for event in entry["events"] if event[0] == _LAST), None)
    if first is None or last is None or entry["ended"] != "complete":
        return None
    return Truth(
        received_ns=entry["read_ns"],
        first_ns=first[2],
        first_took_ns=first[3] * _NS_PER_US,
        last_ns=last[2],
        last_took_ns=last[3] * _NS_PER_US,
        late_ns=max(event[2] - event[1] for event in entry["events"]),
    )


# ---------------------------------------------------------------- the comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One call against its truth, in nanoseconds. ``stated_ns`` and ``holds`` None: the client stated nothing."""

    ttfo_error_ns: int
    latency_error_ns: int
    stated_ns: int | None
    holds: bool | None


def compare(label: str, asked: Sequence[Asked], truth: Mapping[str, Truth]) -> LevelSeen:
    """Of the calls that were answered, those that the log knows too are compared; ``truth`` is by ``Asked.name``."""
    answered = [call for call in asked if call.exchange.decoded.failure is None]
    known = [(call.exchange, truth[call.name]) for call in answered if call.name in truth]
    compared = [_compared(exchange, true) for exchange, true in known]
    seen = [exchange.observed for exchange, _ in known if exchange.observed is not None]
    holds = [each.holds for each in compared if each.holds is not None]
    n_gaps = sum(max(0, len(exchange.decoded.stamps.deltas_ns) - 1) for exchange, _ in known if exchange.observed)
    return LevelSeen(
        label=label,
        n_calls=len(asked),
        n_failed=len(asked) - len(answered),
        n_compared=len(known),
        sources=dict(Counter(call.exchange.tape.source for call in answered)),
        ttfo_error_ms=spread(each.ttfo_error_ns for each in compared),
        latency_error_ms=spread(each.latency_error_ns for each in compared),
        stated_ms=spread(each.stated_ns for each in compared if each.stated_ns is not None),
        held_share=sum(holds) / len(holds) if holds else None,
        read_lag_ms=spread(each.max_lag_ns for each in seen),
        coalesced_share=sum(each.n_coalesced for each in seen) / n_gaps if n_gaps else None,
        dispatch_ms=spread(call.exchange.tape.sent_ns - call.meant_ns for call in answered if call.meant_ns),
        server_late_ms=spread(true.late_ns for _, true in known),
    )


def _compared(exchange: Exchange, true: Truth) -> _Compared:
    stamps, observed, sent_ns = exchange.decoded.stamps, exchange.observed, exchange.tape.sent_ns
    assert stamps.first_output_ns is not None and stamps.done_ns is not None  # a stream that was answered has both
    delivery_ns = true.received_ns - sent_ns
    ttfo_ns = stamps.first_output_ns - true.first_ns + delivery_ns
    latency_ns = stamps.done_ns - true.last_ns + delivery_ns
    stated_ns, holds = None, None
    if observed is not None and observed.first_output_error_ns is not None and observed.done_error_ns is not None:
        bounds_ns = [observed.send_ns + ns for ns in (observed.first_output_error_ns, observed.done_error_ns)]
        stated_ns = max(bounds_ns)
        # The log knows when a write began and when it was over, not when in between the bytes left.
        holds = (
            -bounds_ns[0] <= ttfo_ns <= bounds_ns[0] + true.first_took_ns
            and -bounds_ns[1] <= latency_ns <= bounds_ns[1] + true.last_took_ns
        )
    return _Compared(ttfo_error_ns=ttfo_ns, latency_error_ns=latency_ns, stated_ns=stated_ns, holds=holds)


def spread(values_ns: Iterable[int]) -> Spread | None:
    """Of the sizes of nanoseconds; None where there is none."""
    ordered = sorted(abs(value) / NS_PER_MS for value in values_ns)
    if not ordered:
        return None
    return Spread(p50=_rank(ordered, 50), p99=_rank(ordered, 99), max=ordered[-1])


def _rank(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of all do not exceed."""
    return ordered[-(-percent * len(ordered) // 100) - 1]
