"""Does an arm keep a limit of the decision rule? Yes, no, or not known: judged by one-sided 95% bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalharness.core.model import DecisionLimit
from evalharness.stats.means import estimate_mean
from evalharness.stats.quantiles import quantile_limits
from evalharness.stats.sample import Sample, with_level
from evalharness.verdict.reading import FEWEST_CLUSTERS
from evalharness.verdict.view import RunView

#: The two-sided level whose limits are one-sided bounds at 95%.
ONE_SIDED = 0.90


def limit_name(limit: DecisionLimit) -> str:
    """As in ``total_ms p50 at most 10000``; a mean has no quantile to name."""
    what = "mean" if limit.quantile is None else f"p{100 * limit.quantile:g}"
    return f"{limit.metric} {what} at most {limit.at_most:g}"


def keeps(view: RunView, arm: int, limits: Sequence[DecisionLimit]) -> tuple[bool | None, DecisionLimit | None]:
    """(True, None) where all limits are kept; else (False or None, the limit that is broken or open)."""
    found = [(_keeps(view, arm, limit), limit) for limit in limits]
    broken = next((limit for kept, limit in found if kept is False), None)
    if broken is not None:
        return False, broken
    still_open = next((limit for kept, limit in found if kept is None), None)
    return (True, None) if still_open is None else (None, still_open)


def _keeps(view: RunView, arm: int, limit: DecisionLimit) -> bool | None:
    """None where the bounds straddle the limit, and where there are none."""
    if limit.metric not in view.table.metrics:
        return None
    sample = view.metric(limit.metric, arm)
    if _shows_one_value(sample):
        return float(sample.means[sample.scored][0]) <= limit.at_most
    lower, upper = _bounds(view, sample, limit)
    if upper is not None and upper <= limit.at_most:
        return True
    if lower is not None and lower > limit.at_most:
        return False
    return None


def _bounds(view: RunView, sample: Sample, limit: DecisionLimit) -> tuple[float | None, float | None]:
    """One-sided bounds; +inf among failed trials: an arm that mostly fails breaks a limit on its median.

    None for a mean of times of which some never ended: leaving those out would reward failing fast. None for one of
    times that drifted: draws of cases know nothing of when they were sent.
    """
    settings = with_level(view.settings, ONE_SIDED)
    if limit.quantile is not None:
        limits = quantile_limits(sample, limit.quantile, settings)
        return (None, None) if limits is None else (limits.lower, limits.upper)
    without = sample.block is not None or np.isinf(sample.values).any()
    mean = None if without else estimate_mean(sample, settings, unit=limit.metric)
    return (None, None) if mean is None else (mean.lower, mean.upper)


def _shows_one_value(sample: Sample) -> bool:
    """Whether enough cases all show the same finite value (a free service): it has no spread to make bounds of."""
    present = sample.values[~np.isnan(sample.values)]
    n_clusters = len(np.unique(sample.cluster[sample.scored]))
    return n_clusters >= FEWEST_CLUSTERS and bool(np.isfinite(present).all()) and float(np.ptp(present)) == 0
