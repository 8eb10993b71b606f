"""Stamps to times: every duration of a call, in milliseconds, from what its successful attempt recorded.

The times of a call are those of the attempt that succeeded; a call that ended in an error has none (its attempts keep
their raw stamps). Only ``queue_ms`` and ``wait_ms``, which precede the last attempt, exist for failed calls too.
Every function returns None, never 0, where a stamp or a count is missing.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from evalharness.core.record import AttemptStatus, Call, Stamps
from evalharness.core.units import NS_PER_MS, NS_PER_S, ms_between, ns_from_ms


def success_stamps(call: Call) -> Stamps | None:
    """The stamps of the attempt that succeeded, the last one; None where the call failed."""
    if not call.attempts or call.failure is not None:
        return None
    last = call.attempts[-1]
    return last.stamps if last.status is AttemptStatus.OK else None


def connect_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None or stamps.connect_ns is None else stamps.connect_ns / NS_PER_MS


def headers_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(stamps.sent_ns, stamps.headers_ns)


def ttfe_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(stamps.sent_ns, stamps.first_event_ns)


def ttfr_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(stamps.sent_ns, stamps.first_reasoning_ns)


def ttfo_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(stamps.sent_ns, stamps.first_output_ns)


def ttft_ms(call: Call) -> float | None:
    """The earlier of ``ttfr_ms`` and ``ttfo_ms``. Where reasoning is hidden the two are one: reports say so."""
    return min((ms for ms in (ttfr_ms(call), ttfo_ms(call)) if ms is not None), default=None)


def latency_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(stamps.sent_ns, stamps.done_ns)


def queue_ms(call: Call) -> float | None:
    """Intended start to the first attempt's sending: the client's own queue. A pause that the service caused before
    it is in ``wait_ms``."""
    if not call.attempts:
        return None
    first = call.attempts[0]
    return ms_between(call.intended_ns + ns_from_ms(first.wait_ms), first.stamps.sent_ns)


def wait_ms(call: Call) -> float | None:
    """Back-off and pauses that the service caused, summed over the attempts they came before."""
    return sum((attempt.wait_ms for attempt in call.attempts), 0.0) if call.attempts else None


def reasoning_ms(call: Call) -> float | None:
    """First reasoning delta to first output; None where no reasoning is shown, or none before the output."""
    stamps = success_stamps(call)
    shown_ms = None if stamps is None else ms_between(stamps.first_reasoning_ns, stamps.first_output_ns)
    return None if shown_ms is None or shown_ms < 0 else shown_ms


def answer_ms(call: Call) -> float | None:
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(stamps.first_output_ns, stamps.done_ns)


def total_ms(call: Call) -> float | None:
    """Intended start to the terminal event, queueing, waits and retries included."""
    stamps = success_stamps(call)
    return None if stamps is None else ms_between(call.intended_ns, stamps.done_ns)


def visible_tokens(call: Call) -> float | None:
    """Output tokens that are no reasoning. None without the split: a service that hides it has not said 0."""
    usage = call.usage
    if usage is None or usage.output_tokens is None or usage.reasoning_tokens is None:
        return None
    return float(usage.output_tokens - usage.reasoning_tokens)


def tpot_ms(call: Call) -> float | None:
    spread = _output_spread(call)
    return None if spread is None else spread[0] / NS_PER_MS / spread[1]


def visible_tokens_per_s(call: Call) -> float | None:
    spread = _output_spread(call)
    return None if spread is None else spread[1] / (spread[0] / NS_PER_S)


def output_tokens_per_s(call: Call) -> float | None:
    elapsed_ms = latency_ms(call)
    if not elapsed_ms or call.usage is None or call.usage.output_tokens is None:
        return None
    return call.usage.output_tokens / (elapsed_ms / 1_000)


def gap_ms(call: Call) -> float | None:
    """The call's median gap between arrivals of output deltas. Deltas of one read share a stamp: gaps of 0 are real."""
    gaps = gaps_ms(call)
    return median(gaps) if gaps else None


def gaps_ms(call: Call) -> list[float]:
    stamps = success_stamps(call)
    return [] if stamps is None else [(later - earlier) / NS_PER_MS for earlier, later in pairwise(stamps.deltas_ns)]


def _output_spread(call: Call) -> tuple[int, float] | None:
    """(ns from first to last output delta, visible tokens after the first one).

    None below two tokens, and where the whole output arrived in one read or as one item without deltas: there is then
    no time between tokens to speak of, and a rate over 0 ns would be infinite.
    """
    stamps, visible = success_stamps(call), visible_tokens(call)
    if stamps is None or stamps.first_output_ns is None or stamps.last_output_ns is None:
        return None
    spread_ns = stamps.last_output_ns - stamps.first_output_ns
    if visible is None or visible < 2 or spread_ns <= 0:
        return None
    return spread_ns, visible - 1
