"""A figure and its interval, and the times of one metric: what all findings are made of.

``math.nan`` and infinity never appear here: missing is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A point and its interval.

    ``lower`` or ``upper`` None: the data give no limit on that side (a p99 from 50 trials). ``n`` counts cases,
    ``n_trials`` their scored trials, ``n_clusters`` the independent units, ``n_effective`` how many independent single
    trials carry the same information (None where the method has no such figure). In the times of a latency run the unit
    is the trial: there ``n`` counts trials and ``n_clusters`` blocks of trials that were sent one after the other.
    """

    point: float
    lower: float | None
    upper: float | None
    method: str
    n: int
    unit: str
    level: float = 0.95
    n_trials: int | None = None
    n_clusters: int | None = None
    n_effective: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFindings:
    """One time metric of one arm. ``quantiles`` by q (0.5, 0.9, 0.95, 0.99), None where no trial reached it;
    0.999 too where the calls are enough for an upper limit of it.

    Trials that failed count as +inf: a quantile that falls among them is None with ``unreached`` listing it. Of times
    of answers that came (gaps, time per token) they are left out: all figures are then given success. ``n_failed``
    counts them either way, but not where a failed trial has the time too (queue). ``mean_given_success`` is secondary
    and always printed with the median beside it.
    ``ecdf_x`` and ``ecdf_y`` are the step points for the chart (at most about 200), ``band`` the half-height of the
    simultaneous band. ``error_p99_ms``: within this the client states nearly all of these times to be right (p99 over
    trials); None where it states nothing. ``errors_ms``: by q how far that quantile itself may be off for it, which a
    few trials that were seen badly hardly move; empty where nothing is stated.
    """

    metric: str
    quantiles: Mapping[str, Estimate | None]
    n_measured: int
    n_failed: int
    n_without: int = 0
    unreached: tuple[str, ...] = ()
    mean_given_success: float | None = None
    ecdf_x: tuple[float, ...] = ()
    ecdf_y: tuple[float, ...] = ()
    band: float | None = None
    error_p99_ms: float | None = None
    errors_ms: Mapping[str, float] = field(default_factory=dict)

    def error_ms(self, q: str) -> float | None:
        """How far the ``q`` quantile may be off; None where nothing is stated. Of one that is not among the usual
        ones what nearly all trials may be off by."""
        return self.errors_ms.get(q, self.error_p99_ms)
