"""Quantiles of the client's own durations and errors, and their words."""

from __future__ import annotations

import numpy as np

from evalharness.core.findings import Spread
from evalharness.metrics.table import Floats

#: A figure that may be off by more than this share of itself is coarse.
COARSE_SHARE = 0.01


def spread(values_ms: Floats) -> Spread | None:
    """Of the values that are known (not NaN), as order statistics; None without one."""
    known = values_ms[~np.isnan(values_ms)]
    if not len(known):
        return None
    p50, p99 = np.quantile(known, (0.5, 0.99), method="inverted_cdf").tolist()
    return Spread(p50_ms=p50, p99_ms=p99, max_ms=float(known.max()), n=len(known))


def milliseconds(ms: float) -> str:
    """A time of this client's own: ``0.04 ms``, ``5.4 ms``, ``1,042 ms``."""
    return f"{ms:,.{0 if ms >= 10 else 1 if ms >= 1 else 2}f} ms"


def of_the_median(ms: float, median_ms: float) -> str:
    """``2.4% of the median``; an error beyond the whole of it has no digit that means anything."""
    share = ms / median_ms
    if share < 1:
        return f"{share:.{1 if share < 0.1 else 0}%} of the median"
    if share < 2:
        return "more than the whole median"
    return f"{share:.0f} times the median" if share < 100 else "more than 100 times the median"
