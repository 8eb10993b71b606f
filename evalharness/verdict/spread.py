"""Quantiles of the client's own durations and errors."""

from __future__ import annotations

import numpy as np

from evalharness.core.findings import Spread
from evalharness.metrics.table import Floats


def spread(values_ms: Floats) -> Spread | None:
    """Of the values that are known (not NaN), as order statistics; None without one."""
    known = values_ms[~np.isnan(values_ms)]
    if not len(known):
        return None
    p50, p99 = np.quantile(known, (0.5, 0.99), method="inverted_cdf").tolist()
    return Spread(p50_ms=p50, p99_ms=p99, max_ms=float(known.max()), n=len(known))
