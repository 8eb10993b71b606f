"""The only module that reads the time of day or the monotonic clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from evalharness.core.units import NS_PER_S


class SystemClock:
    """``monotonic_ns`` measures, ``utc_ns`` dates; nothing is ever measured with ``utc_ns``."""

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()

    def utc_ns(self) -> int:
        return time.time_ns()


def utc_text(utc_ns: int) -> str:
    """ISO 8601 with milliseconds and ``Z``, e.g. ``2026-11-22T14:02:16.120Z``."""
    moment = datetime.fromtimestamp(utc_ns // NS_PER_S, tz=UTC)
    milliseconds = utc_ns % NS_PER_S // 1_000_000
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
