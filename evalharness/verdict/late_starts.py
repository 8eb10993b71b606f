"""Did the client send its trials when they were meant to start? Not judged by one or two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalharness.metrics.table import Floats
from evalharness.verdict.spread import milliseconds, of_the_median

#: A start is late beyond this share of the median latency.
LATE_SHARE = 0.05
#: Single starts are late from here on at the least: of a fast service 5% are less than a process takes to wake up.
LATE_MS = 2.0
#: So many starts that are late, and more than this share of all, are no chance.
FEWEST_LATE = 3
MOST_LATE_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LateStarts:
    """``n_late`` of ``n`` starts were more than ``allowed_ms`` late, the last one by ``worst_ms``."""

    n: int
    n_late: int
    allowed_ms: float
    worst_ms: float
    median_latency_ms: float

    def words(self) -> str:
        """``3 of 34 were sent more than 2.0 ms too late, by up to 9.1 ms (36% of the median latency)``."""
        return (
            f"{self.n_late:,} of {self.n:,} were sent more than {milliseconds(self.allowed_ms)} too late, by up to "
            f"{milliseconds(self.worst_ms)} ({of_the_median(self.worst_ms, self.median_latency_ms)} latency)"
        )


def late_starts(lag_ms: Floats, median_latency_ms: float | None) -> LateStarts | None:
    """None where the client was on time, and without a start or a latency to compare with. NaN is left out.

    Late is a client of which half of the starts lag by more than 5% of the median latency: that shifts every total
    time. Or one of which at least three starts, and more than 1% of them, lag by more than that and more than 2 ms:
    that is its tail. A 99th percentile alone would be the single worst start of a hundred.
    """
    lags = lag_ms[~np.isnan(lag_ms)]
    if not len(lags) or not median_latency_ms:
        return None
    share_ms = LATE_SHARE * median_latency_ms
    half_ms = float(np.quantile(lags, 0.5, method="inverted_cdf"))
    allowed_ms = share_ms if half_ms > share_ms else max(share_ms, LATE_MS)
    n_late = int((lags > allowed_ms).sum())
    by_chance = n_late < FEWEST_LATE or n_late <= MOST_LATE_SHARE * len(lags)
    if half_ms <= share_ms and by_chance:
        return None
    return LateStarts(
        n=len(lags),
        n_late=n_late,
        allowed_ms=allowed_ms,
        worst_ms=float(lags.max()),
        median_latency_ms=median_latency_ms,
    )
