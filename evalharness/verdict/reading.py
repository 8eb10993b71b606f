"""The words a comparison may be given, from its interval and the margin alone."""

from __future__ import annotations

import math

from evalharness.core.findings import Estimate, Reading

#: Below this many independent cases only an exact test may decide anything.
FEWEST_CLUSTERS = 10
#: Below this many a reader is warned.
FEW_CLUSTERS = 20


def reading(
    estimate: Estimate,
    *,
    higher_is_better: bool,
    margin: float | None = None,
    agrees: bool = True,
    neutral: float = 0.0,
) -> Reading:
    """What may be said of ``estimate``. ``neutral`` is 0 for differences and 1 for ratios.

    ``margin``: how much matters, in the unit of the estimate; None: the readings that need one are not used.
    ``agrees`` False (interval and p say different things, or too few cases): too close to tell.
    A limit of None counts as unlimited.
    """
    if not agrees:
        return Reading.TOO_CLOSE
    lower = -math.inf if estimate.lower is None else estimate.lower - neutral
    upper = math.inf if estimate.upper is None else estimate.upper - neutral
    if not higher_is_better:
        lower, upper = -upper, -lower
    inside = margin is not None and -margin < lower and upper < margin
    if lower > 0:
        return Reading.BETTER_BUT_SMALL if inside else Reading.BETTER
    if upper < 0:
        return Reading.WORSE_BUT_SMALL if inside else Reading.WORSE
    return Reading.SAME if inside else Reading.TOO_CLOSE


def leaves_out(estimate: Estimate, neutral: float = 0.0) -> bool:
    """Whether the interval lies wholly on one side of ``neutral``."""
    above = estimate.lower is not None and estimate.lower > neutral
    return above or (estimate.upper is not None and estimate.upper < neutral)


def may_decide(n_clusters: int, p_method: str) -> bool:
    """Whether so few independent cases may carry a reading at all."""
    return n_clusters >= FEWEST_CLUSTERS or p_method.endswith("exact")
