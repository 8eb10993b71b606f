"""The project's own bounds for fidelity, judged on the figures of one run."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.contestants import OURS, OURS_SEND, C
from tests.bench.rivalry import Entry
from tests.bench.tables import Target, at_least, at_most

#: Where the C client itself is not this good, the machine was not quiet enough to judge a tail by.
_QUIET_MS = 0.1


def targets_of(streams: int, entries: Mapping[str, Entry]) -> list[Target]:
    ours = entries[OURS]
    found = [at_most("arrival stamp, p99, calls without coalesced gaps", ours.median("sure_p99"), 0.05, " ms")]
    if streams >= 1000:
        return [*found, at_most("TTFT error, p99", ours.median("ttft_p99"), 5, " ms"), *_stated(ours)]
    found += [
        at_most("TTFT error, p50", ours.median("ttft_p50"), 0.1, " ms"),
        _unless_noisy(at_most("TTFT error, p99", ours.median("ttft_p99"), 0.5, " ms"), entries[C]),
        at_most("end-to-end error, p99", ours.median("end_p99"), 0.5, " ms"),
        at_most("mean gap error, p99, calls without coalesced gaps", ours.median("sure_mean_gap_p99"), 0.01, " ms"),
        at_most("single gap error, p99, calls without coalesced gaps", ours.median("gap_p99"), 0.05, " ms"),
        *_stated(ours),
    ]
    if streams == 256:
        found += [_lead(entries, "p50", 300), _lead(entries, "p99", 200)]
    return found


def _stated(ours: Entry) -> list[Target]:
    bound, seen = ours.median("bound_p99"), ours.median("first_p99")
    width = bound / seen if bound and seen else None
    return [
        at_least("share of calls whose truth lies within the stated error", ours.median("within_share"), 0.99),
        at_most("width of the stated error of the first delta, times the error seen (p99)", width, 5),
    ]


def _lead(entries: Mapping[str, Entry], level: str, times: float) -> Target:
    """Against the best of the others."""
    key = f"ttft_{level}"
    mine = entries[OURS].median(key)
    others = [entry.median(key) for name, entry in entries.items() if name not in (OURS, OURS_SEND, C)]
    known = [value for value in others if value is not None]
    lead = min(known) / mine if known and mine else None
    return at_least(f"TTFT error, {level}: times better than the best other tool in this run", lead, times)


def _unless_noisy(target: Target, limit: Entry) -> Target:
    own_ms = limit.median("ttft_p99")
    if target.is_met or own_ms is None or own_ms <= _QUIET_MS:
        return target
    return Target(
        what=target.what, found=f"{target.found}, but the C client itself is off by {own_ms:.3g} ms", is_met=None
    )
