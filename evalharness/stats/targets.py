"""Is a limit kept by the share of trials that a service level asks for? Met, not met, or not enough data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import Estimate, Met
from evalharness.stats.proportions import clopper_pearson
from evalharness.stats.quantiles import (
    SLACK,
    effective_trials,
    estimate_quantile,
    fewest_for_upper,
    ordered,
    rank_limits,
)
from evalharness.stats.sample import Sample, Settings, filled, groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``share`` of all trials at ``limit`` or below; ``settings.level`` 0.90 has two one-sided 95% bounds."""

    limit: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetVerdict:
    """``reason``: why it is open, one clause; None where it is decided."""

    met: Met
    reason: str | None = None


def judge(sample: Sample, target: Target, settings: Settings) -> TargetVerdict:
    """The exact binomial test of the share inside the limit, both ways, at the effective number of trials.

    It is the inversion of the order-statistic limits of the target's quantile: met where the upper one is inside the
    limit, not met where the lower one is beyond. A verdict has to stand with every missing trial counted as 0 (in time)
    and as +inf, else missing trials decide.
    """
    alone = _straight(sample, target, settings)
    if sample.n_missing == 0:
        return alone
    hopeful, wary = (_straight(filled(sample, value), target, settings) for value in (0.0, np.inf))
    if hopeful.met is wary.met is not Met.OPEN:
        return hopeful
    if alone.met is Met.OPEN and hopeful.met is not Met.MET and wary.met is not Met.NOT_MET:
        return alone
    missing = "1 missing trial" if sample.n_missing == 1 else f"{sample.n_missing:,} missing trials"
    return TargetVerdict(met=Met.OPEN, reason=f"{missing} could decide it")


def _straight(sample: Sample, target: Target, settings: Settings) -> TargetVerdict:
    order = ordered(sample)
    if order is None:
        return TargetVerdict(met=Met.OPEN, reason="nothing was measured")
    n_trials, inside = int(sample.trials.sum()), order.share_up_to(target.limit)
    n_effective = effective_trials(sample, order.at(target.share), settings.level)
    low, high = rank_limits(target.share, n_effective, settings.level)
    if high is not None and inside >= high - SLACK:
        return TargetVerdict(met=Met.MET)
    if low is not None and inside < math.floor(low * n_trials + SLACK) / n_trials - SLACK:
        return TargetVerdict(met=Met.NOT_MET)
    needed = fewest_for_upper(target.share, settings.level)
    if n_effective < needed:
        worth = f"the trials are worth {n_effective:,.0f} independent ones, {needed:,} are needed"
        return TargetVerdict(met=Met.OPEN, reason=worth)
    return TargetVerdict(met=Met.OPEN, reason="the target lies inside the interval")


def estimate_reached(sample: Sample, target: Target, settings: Settings) -> Estimate | None:
    """The quantile at the target's share, with limits that say the same of its limit as ``judge`` does of the trials
    that are not missing. Otherwise as ``estimate_quantile``, whose limits move out where values tie."""
    estimate = estimate_quantile(sample, target.share, settings)
    if estimate is None:
        return None
    met, lower, upper = _straight(sample, target, settings).met, estimate.lower, estimate.upper
    if met is Met.MET:
        upper = target.limit if upper is None else min(upper, target.limit)
    if met is Met.NOT_MET:
        lower = target.limit if lower is None else max(lower, target.limit)
    return replace(estimate, lower=lower, upper=upper)


def estimate_within(sample: Sample, target: Target, settings: Settings) -> Estimate | None:
    """The share of trials at the limit or below, with Clopper-Pearson limits at the effective number of trials.

    The effective number is the smaller of that at the limit and that at the target's quantile: where all trials are
    inside, the first cannot be seen, and the second tells how the slowest cluster in time. Where ``judge`` decides, so
    do these: what the test rejects, its interval leaves out. None where nothing was measured; missing trials are left
    out (see ``share_bounds``).
    """
    order = ordered(sample)
    if order is None:
        return None
    share = order.share_up_to(target.limit)
    n_effective = effective_trials(sample, order.at(target.share), settings.level)
    if 0 < share < 1:
        n_effective = min(n_effective, effective_trials(sample, target.limit, settings.level))
    lower, upper = clopper_pearson(share, n_effective, settings.level)
    met = _straight(sample, target, settings).met
    lower = max(lower, target.share) if met is Met.MET else lower
    upper = min(upper, target.share) if met is Met.NOT_MET else upper
    return Estimate(
        point=share,
        lower=lower,
        upper=upper,
        method="Clopper-Pearson at the effective number of trials",
        n=int(sample.scored.sum()),
        unit="share",
        level=settings.level,
        n_trials=int(sample.trials.sum()),
        n_clusters=groups(sample.cluster[sample.scored])[1],
        n_effective=n_effective,
    )
