"""Is B better than A on the same cases? Differences are B - A, in the unit of the metric."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import Studentised, sign_flip
from evalharness.stats.means import studentised_mean
from evalharness.stats.proportions import Interval, normal_quantile, t_quantile, tango
from evalharness.stats.sample import (
    Floats,
    Ints,
    Mask,
    Sample,
    Settings,
    cluster_totals,
    groups,
    restricted,
    without_noise,
)
from evalharness.stats.unpaired import IndependentDifference, independent_scores, welch


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Candidate minus baseline. ``gained`` and ``lost`` count cases whose mean rose and fell.

    ``design`` is ``paired`` or ``unpaired`` (no case in common: less power, say so). ``p_value`` is never 0;
    ``smallest_p`` is the least one these data could have given (None for unpaired). ``variance`` is that of a single
    case's difference, for planning (None below two pairs and for unpaired).
    """

    estimate: Estimate
    p_value: float | None
    p_method: str
    design: str = "paired"
    smallest_p: float | None = None
    n_pairs: int = 0
    gained: int = 0
    lost: int = 0
    correlation: float | None = None
    variance: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether interval and p say the same about a difference of 0; where not, it is too close to tell."""
        lower, upper = self.estimate.lower, self.estimate.upper
        if self.p_value is None or lower is None or upper is None:
            return True
        return (self.p_value < 1 - self.estimate.level) == (lower > 0 or upper < 0)


def compare_scores(
    candidate: Sample, baseline: Sample, settings: Settings, *, unit: str = "share"
) -> Difference | None:
    """Difference of mean scores in [0, 1] over the cases that both arms scored.

    One 0/1 trial per case and no clusters: McNemar mid-p (exact on request) with Tango's interval. Otherwise sign
    flips of cluster totals with the scaled Tango interval. No case in common: independent arms. ``scope`` suite: the
    arms are independent given the cases. None where an arm has no scored case, or where ``scope`` suite lacks repeats.
    """
    both = candidate.scored & baseline.scored
    if not both.any():
        return _not_paired(independent_scores(candidate, baseline, settings, unit=unit))
    if settings.scope == "suite":
        return _within_suite(candidate, baseline, both, settings, unit)
    b, a, cluster = candidate.means[both], baseline.means[both], candidate.cluster[both]
    d, n_groups = paired_differences(b, a), groups(cluster)[1]
    single = bool((candidate.trials[both] == 1).all() and (baseline.trials[both] == 1).all())
    gained, lost = int((d > 0).sum()), int((d < 0).sum())
    if single and candidate.is_binary and baseline.is_binary and n_groups == len(d):
        interval = tango(gained, lost, len(d), normal_quantile(settings.level))
        method = "Tango score"
        p, smallest, p_method = _mcnemar(gained, lost, exact=settings.exact)
    else:
        interval, method = _scaled_tango_of(d, cluster, settings.level), "Tango score, scaled to the clusters"
        flips = sign_flip(cluster_totals(d, cluster), settings)
        p, smallest, p_method = flips.p_value, flips.smallest_p, flips.method
    return Difference(
        estimate=_estimate(candidate, baseline, both, d, interval, method, settings, unit),
        p_value=p,
        p_method=p_method,
        smallest_p=smallest,
        n_pairs=len(d),
        gained=gained,
        lost=lost,
        correlation=_correlation(a, b),
        variance=float(d.var(ddof=1)) if len(d) > 1 else None,
    )


def compare_values(candidate: Sample, baseline: Sample, settings: Settings, *, unit: str) -> Difference | None:
    """Difference of means of an unbounded metric: studentised cluster bootstrap and sign flips of cluster totals.

    Limits are None where every case has the same difference or only one cluster is left. No case in common: Welch.
    None where an arm has no value. Raises ``ValueError`` for +inf (failed times have quantiles, not means).
    """
    both = candidate.scored & baseline.scored
    if not both.any():
        return _not_paired(welch(candidate, baseline, settings, unit=unit))
    b, a, cluster = candidate.means[both], baseline.means[both], candidate.cluster[both]
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a mean of times that never ended does not exist; compare ratios of medians instead")
    d = paired_differences(b, a)
    flips = sign_flip(cluster_totals(d, cluster), settings)
    fit = studentised_mean(d, cluster, settings)
    interval, method = _limits(fit, settings.level)
    return Difference(
        estimate=_estimate(candidate, baseline, both, d, interval, method, settings, unit),
        p_value=flips.p_value,
        p_method=flips.method,
        smallest_p=flips.smallest_p,
        n_pairs=len(d),
        gained=int((d > 0).sum()),
        lost=int((d < 0).sum()),
        correlation=_correlation(a, b),
        variance=float(d.var(ddof=1)) if len(d) > 1 else None,
    )


def scaled_tango(up: float, down: float, sum_of_squares: float, n: float, n_clusters: int, critical: float) -> Interval:
    """Tango's interval for cluster totals: counts divided by f = sum u_g^2 / (up + down), ``critical`` for z.

    ``up`` and ``down`` are the sums of positive and of negative case differences (both >= 0), ``sum_of_squares`` that
    of the cluster totals. At a difference of 0 the variance is exactly sum u_g^2 / n^2; with one 0/1 trial per case it
    is Tango's own. Without any difference, and where all cancels within clusters: that of ``n_clusters`` pairs
    without a flip. Source: Tango 1998, with the effective counts of Rao and Scott 1992.
    """
    if up + down == 0 or sum_of_squares == 0:
        half = critical**2 / (n_clusters + critical**2)
        point = (up - down) / n
        return max(-1.0, point - half), min(1.0, point + half)
    f = sum_of_squares / (up + down)
    return tango(up / f, down / f, n / f, critical)


def _scaled_tango_of(d: Floats, cluster: Ints, level: float) -> Interval:
    totals = cluster_totals(d, cluster)
    if len(totals) < 2:
        return -1.0, 1.0
    critical = t_quantile(level, len(totals) - 1)
    up, down = float(d[d > 0].sum()), float(-d[d < 0].sum())
    return scaled_tango(up, down, float(totals @ totals), len(d), len(totals), critical)


def _not_paired(result: IndependentDifference | None) -> Difference | None:
    if result is None:
        return None
    return Difference(estimate=result.estimate, p_value=result.p_value, p_method=result.p_method, design="unpaired")


def _within_suite(candidate: Sample, baseline: Sample, both: Mask, settings: Settings, unit: str) -> Difference | None:
    result = independent_scores(restricted(candidate, both), restricted(baseline, both), settings, unit=unit)
    if result is None:
        return None
    d = paired_differences(candidate.means[both], baseline.means[both])
    return Difference(
        estimate=replace(result.estimate, n=len(d), n_clusters=groups(candidate.cluster[both])[1]),
        p_value=result.p_value,
        p_method=result.p_method,
        n_pairs=len(d),
        gained=int((d > 0).sum()),
        lost=int((d < 0).sum()),
        correlation=_correlation(baseline.means[both], candidate.means[both]),
        variance=float(d.var(ddof=1)) if len(d) > 1 else None,
    )


def _mcnemar(gained: int, lost: int, *, exact: bool) -> tuple[float, float, str]:
    """p, smallest reachable p, method. Source: Fagerland, Lydersen and Laake 2013 (mid-p); McNemar 1947 (exact)."""
    flips, fewer = gained + lost, min(gained, lost)
    tail = float(special.bdtr(fewer, flips, 0.5)) if flips else 1.0
    if exact:
        p, smallest, method = 2 * tail, 2.0 ** (1 - min(flips, 1000)), "McNemar, exact"
    else:
        at = tail - (float(special.bdtr(fewer - 1, flips, 0.5)) if fewer else 0.0)
        p, smallest, method = 2 * tail - at, 2.0 ** -min(flips, 1000), "McNemar, mid-p"
    if gained == lost:
        p = 1.0
    return min(1.0, max(p, sys.float_info.min)), min(1.0, smallest), method


def paired_differences(b: Floats, a: Floats) -> Floats:
    return without_noise(b - a, np.abs(b) + np.abs(a))


def _correlation(a: Floats, b: Floats) -> float | None:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))


def _limits(fit: Studentised | None, level: float) -> tuple[tuple[float | None, float | None], str]:
    if fit is None:
        return (None, None), "no interval: no spread between independent cases"
    return fit.interval(level), "studentised cluster bootstrap"


def _estimate(
    candidate: Sample,
    baseline: Sample,
    both: Mask,
    d: Floats,
    interval: tuple[float | None, float | None],
    method: str,
    settings: Settings,
    unit: str,
) -> Estimate:
    return Estimate(
        point=float(d.mean()),
        lower=interval[0],
        upper=interval[1],
        method=method,
        n=len(d),
        unit=unit,
        level=settings.level,
        n_trials=int(candidate.trials[both].sum() + baseline.trials[both].sum()),
        n_clusters=groups(candidate.cluster[both])[1],
    )
