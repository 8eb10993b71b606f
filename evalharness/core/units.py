"""Units: nanoseconds of the monotonic clock inside, milliseconds as floats outside."""

from __future__ import annotations

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def ms_between(start_ns: int | None, end_ns: int | None) -> float | None:
    """Milliseconds from ``start_ns`` to ``end_ns``; None where either stamp was not taken."""
    if start_ns is None or end_ns is None:
        return None
    return (end_ns - start_ns) / NS_PER_MS


def ns_from_ms(ms: float) -> int:
    return round(ms * NS_PER_MS)
