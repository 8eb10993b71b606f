"""How long do callers wait? Quantiles with order-statistic intervals, and the distribution with its band.

Failed trials are +inf and keep their rank: leaving them out would make a service look faster the more it fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.proportions import normal_quantile, t_quantile
from evalharness.stats.sample import Floats, Ints, Sample, Settings, cluster_variance, groups, sums_by

#: Slack on shares of trials: cumulated weights such as 19 * 0.05 must reach 0.95.
SLACK = 1e-9
_METHODS = {"case": "order statistics", "trial": "order statistics of trials, in blocks of time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Distinct values in rising order (+inf last) and the share of trials at or below each; cases weigh equally."""

    values: Floats
    shares: Floats

    def at(self, share: float) -> float:
        """The smallest value that at least ``share`` of the trials do not exceed."""
        return float(self.values[min(int(np.searchsorted(self.shares, share - SLACK)), len(self.values) - 1)])

    def share_up_to(self, value: float) -> float:
        """The share of the trials that do not exceed ``value``."""
        place = int(np.searchsorted(self.values, value, side="right"))
        return min(1.0, float(self.shares[place - 1])) if place else 0.0


@lru_cache(maxsize=2)
def ordered(sample: Sample) -> Ordered | None:
    """None where nothing was measured. Kept for the samples last asked for, whose quantiles share their order."""
    here = ~np.isnan(sample.values)
    if not here.any():
        return None
    case = sample.case[here]
    weights = 1 / (sample.trials[case] * int(sample.scored.sum()))
    values, index = np.unique(sample.values[here], return_inverse=True)
    return Ordered(values=values, shares=np.cumsum(np.bincount(index, weights)))


def estimate_quantile(sample: Sample, q: float, settings: Settings, *, unit: str = "ms") -> Estimate | None:
    """The ``q`` quantile (order statistic ceil(qN)) with order-statistic limits at the effective number of trials.

    None where nothing was measured or the quantile lies among the failed trials (+inf). A limit is None where so few
    trials cannot give one (``fewest_for_upper``), where it lies among the failed, or where all values are equal.
    Limits that tie with the point move out to the next distinct value: measured times are rounded, and a zero-width
    interval would deny it. With one trial per case the limits are the exact binomial ranks.
    Source: Hahn and Meeker 1991, section 5.2; design effect as Woodruff 1952, ranks continued to real n.
    """
    order = ordered(sample)
    if order is None:
        return None
    point = order.at(q)
    if not math.isfinite(point):
        return None
    limits = quantile_limits(sample, q, settings)
    assert limits is not None  # something was measured
    lower, upper, notes = limits.lower, limits.upper, limits.notes
    if upper is not None and not math.isfinite(upper):
        upper, notes = None, (*notes, "the upper limit lies among failed trials")
    return Estimate(
        point=point,
        lower=lower,
        upper=upper,
        method="; ".join((_method(sample), *notes)),
        n=int(sample.scored.sum()),
        unit=unit,
        level=settings.level,
        n_trials=int(sample.trials.sum()),
        n_clusters=groups(sample.cluster[sample.scored])[1],
        n_effective=limits.n_effective,
    )


def _method(sample: Sample) -> str:
    return _METHODS[sample.unit] + ("" if sample.block is None else ", alike within cases and within blocks of time")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileLimits:
    """Limits of a quantile that may lie among the failed trials: +inf is a limit there, None is no limit.

    ``notes`` say why a limit is missing.
    """

    lower: float | None
    upper: float | None
    n_effective: float
    notes: tuple[str, ...]


def quantile_limits(sample: Sample, q: float, settings: Settings) -> QuantileLimits | None:
    """For decisions: a quantile whose lower limit is beyond a bound breaks it, also where it has no finite point.

    None where nothing was measured. Otherwise as ``estimate_quantile``.
    """
    order = ordered(sample)
    if order is None:
        return None
    point, n_trials = order.at(q), int(sample.trials.sum())
    n_effective = effective_trials(sample, point, settings.level)
    low, high = rank_limits(q, n_effective, settings.level)
    below, above = order.values[order.values < point], order.values[order.values > point]
    failed = math.isinf(point)
    lower: float | None = None
    upper: float | None = None
    notes = []
    if low is not None:
        at_rank = order.at(math.floor(low * n_trials + SLACK) / n_trials)
        lower = at_rank if at_rank < point or failed else (float(below[-1]) if len(below) else None)
    if high is not None:
        at_rank = order.at(high)
        upper = at_rank if at_rank > point or failed else (float(above[0]) if len(above) else None)
    if lower is None:
        notes.append("n too small for a lower limit" if low is None else "no value below the point")
    if upper is None:
        needed = f"n too small for an upper limit, {fewest_for_upper(q, settings.level)} are needed"
        notes.append(needed if high is None else "no value above the point")
    return QuantileLimits(lower=lower, upper=upper, n_effective=n_effective, notes=tuple(notes))


def effective_trials(sample: Sample, at: float, level: float) -> float:
    """How many independent trials tell as much about the share of trials up to ``at``, between n cases and N trials.

    n_eff = F(1-F)/V of the case means of 1[x <= at], clipped to [G, N], over (t/z)^2. With one trial per case and no
    clusters it is N. Where all trials are at ``at`` or below, as at a quantile among the failed, 1[x < at] takes its
    place; where that is the same for all trials too, nothing shows how they depend, and it is the number of clusters.
    Where the sample has blocks of time, V has what their neighbours share beside (``_time_variance``), and G is their
    number where that is smaller.
    """
    n_trials, n_clusters = int(sample.trials.sum()), groups(sample.cluster[sample.scored])[1]
    if n_trials == n_clusters and sample.block is None:
        return float(n_trials)
    here = np.flatnonzero(~np.isnan(sample.values))
    values, case, scored = sample.values[here], sample.case[here], sample.scored
    reached = (values <= at).astype(float)
    if reached.all():
        reached = (values < at).astype(float)
    means = sums_by(case, reached, sample.n_cases)[scored] / sample.trials[scored]
    share, variance = float(means.mean()), cluster_variance(means, sample.cluster[scored])
    if sample.block is not None:
        label, n_blocks = groups(sample.block[here])
        variance += _time_variance((reached - share) / (sample.trials[case] * len(means)), label, n_blocks)
        n_clusters = min(n_clusters, n_blocks)
    alike = variance == 0 and (sample.unit == "case" or not 0 < share < 1)
    if n_clusters < 2 or alike:
        return float(n_clusters)
    # Blocks of time of equal shares are as many trials; cases of equal shares may be few that happen to agree.
    wanted = share * (1 - share) / variance if variance > 0 else math.inf
    clipped = min(max(wanted, n_clusters), n_trials)
    return clipped * (normal_quantile(level) / t_quantile(level, n_clusters - 1)) ** 2


def _time_variance(deviations: Floats, block: Ints, n_blocks: int) -> float:
    """What trials of one block of time share, in the variance of the mean of case means: at least 0.

    ``deviations`` (N): what each trial adds to the deviation of that mean, ``block`` (N) in 0..n_blocks-1.
    Clusters in two directions: V = V_cases + V_blocks - V_trials, of which this is the last two.
    Source: Cameron, Gelbach and Miller 2011, Journal of Business and Economic Statistics 29:238, equation 2.10.
    """
    n = len(deviations)
    if n_blocks < 2:
        return 0.0
    of_blocks = float(np.square(sums_by(block, deviations, n_blocks)).sum()) * n_blocks / (n_blocks - 1)
    return max(0.0, of_blocks - float(np.square(deviations).sum()) * n / (n - 1))


def rank_limits(q: float, n: float, level: float) -> tuple[float | None, float | None]:
    """Limits of the ``q`` quantile as shares of the ordered trials; None where ``n`` trials give none.

    The lower rank is the largest r with P(Bin(n, q) <= r-1) <= alpha/2, the upper the smallest s with
    P(Bin(n, q) >= s) <= alpha/2; the binomial tails are Beta integrals, which exist for real n and ranks.
    """
    tail = (1 - level) / 2

    def below(rank: float) -> float:
        return float(special.betainc(n - rank + 1, rank, 1 - q)) - tail

    def above(rank: float) -> float:
        return tail - float(special.betainc(rank, n - rank + 1, q))

    low = _root(below, 1.0, n) if n >= 1 and below(1.0) <= 0 else None
    high = _root(above, 1e-12, n) if above(n) >= 0 else None
    return (None if low is None else low / n), (None if high is None else high / n)


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where ``rising`` turns from negative to positive between ``low`` and ``high``; ``high`` where it does not."""
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) > 0:
            high = middle
        else:
            low = middle
    return high


def fewest_for_upper(q: float, level: float) -> int:
    """Independent trials from which the ``q`` quantile has an upper limit: 72 for p95 at 0.95, 59 at 0.90."""
    return math.ceil(math.log((1 - level) / 2) / math.log(max(q, 1 - q)) - SLACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Step points of the share of trials up to a value; it ends below 1 where trials failed.

    ``band`` is the half-height of a band that holds everywhere at once, None where it would span everything.
    """

    values: tuple[float, ...]
    shares: tuple[float, ...]
    band: float | None
    n_effective: float


def distribution(sample: Sample, settings: Settings, *, n_points: int = 180) -> Distribution | None:
    """The empirical distribution, thinned to about ``n_points`` (its last 20 kept); None where nothing ended.

    The band is that of Dvoretzky, Kiefer and Wolfowitz with Massart's constant, sqrt(ln(2/alpha) / (2 n_eff)), at the
    smallest effective number of trials over the deciles. Source: Massart 1990.
    """
    order = ordered(sample)
    if order is None or not math.isfinite(order.values[0]):
        return None
    finite = np.isfinite(order.values)
    values, shares = order.values[finite], order.shares[finite]
    keep = np.arange(len(values))
    if len(values) > n_points:
        wanted = np.linspace(0, shares[-1], n_points - 20)
        spaced = np.minimum(np.searchsorted(shares, wanted - SLACK), len(values) - 1)
        keep = np.union1d(spaced, keep[-20:])
    deciles = {order.at(q / 10) for q in range(1, 10)}
    n_effective = min(effective_trials(sample, at, settings.level) for at in deciles)
    band = math.sqrt(math.log(2 / settings.alpha) / (2 * n_effective))
    return Distribution(
        values=tuple(values[keep].tolist()),
        shares=tuple(np.minimum(1.0, shares[keep]).tolist()),
        band=band if band < 1 else None,
        n_effective=n_effective,
    )
