"""How far a trial's times may be from the truth, from what its attempts say of their own measurement.

All bounds are in milliseconds, absolute, and this client's alone. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalharness.core.record import Attempt, Call, Observed, Purpose, StampSource
from evalharness.core.units import NS_PER_MS
from evalharness.metrics.timeline import reasoning_ms, success_stamps, ttfo_ms, ttfr_ms, ttft_ms

#: The metrics that have a bound, by catalogue name.
BOUNDED = ("ttfr_ms", "ttft_ms", "ttfo_ms", "reasoning_ms", "answer_ms", "latency_ms", "total_ms", "gap_ms")

#: Arrivals of deltas are stored to half a microsecond each.
STORED_GAP_NS = 1_000


def error_bounds_ms(calls: Sequence[Call]) -> Mapping[str, float | None]:
    """By name of ``BOUNDED`` for a trial's calls; None where a bound is not known.

    A time from ``sent`` may be wrong by the time it took to hand the request over and by how late its end was seen;
    ``total_ms`` begins at the intended start, which is exact. ``ttft_ms`` has the bound of what came first.
    ``gap_ms`` is of the call's median gap.
    """
    subject = [call for call in calls if call.purpose is Purpose.SUBJECT]
    bounds = [_call_bounds_ns(call) for call in subject]
    if not bounds:
        return dict.fromkeys(BOUNDED)
    last_ns = bounds[-1]
    totals_ns = [found["total_ms"] for found in bounds]
    whole_ns = None if None in totals_ns else sum(ns for ns in totals_ns if ns is not None)
    return {name: _ms(ns) for name, ns in {**last_ns, "total_ms": whole_ns}.items()}


def _call_bounds_ns(call: Call) -> Mapping[str, int | None]:
    stamps = success_stamps(call)
    seen = call.last_attempt.observed if stamps is not None else None
    if stamps is None or seen is None:
        return dict.fromkeys(BOUNDED)
    reasoning_ns, first_ns, done_ns = seen.first_reasoning_error_ns, seen.first_output_error_ns, seen.done_error_ns
    output_is_first = ttfr_ms(call) is None or ttft_ms(call) == ttfo_ms(call)
    return {
        "ttfr_ms": _sum(seen.send_ns, reasoning_ns),
        "ttft_ms": _sum(seen.send_ns, first_ns if output_is_first else reasoning_ns),
        "ttfo_ms": _sum(seen.send_ns, first_ns),
        "reasoning_ms": _sum(reasoning_ns, first_ns) if reasoning_ms(call) is not None else None,
        "answer_ms": _sum(first_ns, done_ns),
        "latency_ms": _sum(seen.send_ns, done_ns),
        "total_ms": done_ns,
        "gap_ms": _gap_ns(call.last_attempt, seen),
    }


def _gap_ns(attempt: Attempt, seen: Observed) -> int | None:
    """Kernel stamps are late only where several arrivals were read at once, others as late as anything waited.

    However late: half of the gaps are as long as their median or longer and fit between the first and the last delta,
    so neither what was seen nor the truth can be more than twice their mean.
    """
    stamps, n_gaps = attempt.stamps, len(attempt.stamps.deltas_ns) - 1
    if n_gaps < 1:
        return None
    if seen.source is StampSource.KERNEL and seen.n_coalesced == 0:
        return STORED_GAP_NS
    late_ns = seen.max_lag_ns
    if stamps.first_output_ns is not None and stamps.last_output_ns is not None and seen.first_output_error_ns:
        spread_ns = stamps.last_output_ns - stamps.first_output_ns + seen.first_output_error_ns
        late_ns = min(late_ns, spread_ns // ((n_gaps + 1) // 2))
    return STORED_GAP_NS + late_ns


def _sum(left_ns: int | None, right_ns: int | None) -> int | None:
    return None if left_ns is None or right_ns is None else left_ns + right_ns


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
