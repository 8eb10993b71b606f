"""Is B better than A on the same cases? Differences are B - A, in the unit of the metric."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, SMALLEST_P, SignTest, sign_flip
from evalharness.stats.means import studentised_mean
from evalharness.stats.proportions import Interval, normal_quantile, t_quantile, tango
from evalharness.stats.sample import (
    Floats,
    Ints,
    Mask,
    Sample,
    Settings,
    cluster_totals,
    cluster_variance,
    correlation,
    groups,
    require_scores,
    restricted,
    without_noise,
)
from evalharness.stats.unpaired import IndependentDifference, independent_scores, welch


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Candidate minus baseline. ``gained`` and ``lost`` count cases whose mean rose and fell.

    ``design`` is ``paired`` or ``unpaired`` (no case in common: less power, say so). ``p_value`` is never 0;
    ``smallest_p`` is the least one these data could have given (None for unpaired). ``variance`` is that of a single
    case's difference, for planning: more where cases of a cluster agree (None below two clusters and for unpaired).
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
    Raises ``ValueError`` for values outside [0, 1].
    """
    require_scores(candidate)
    require_scores(baseline)
    pairs = _pairs(candidate, baseline)
    if pairs is None:
        return _of_independent(independent_scores(candidate, baseline, settings, unit=unit))
    if settings.scope == "suite":
        result = independent_scores(*pairs.samples, settings, unit=unit)
        return None if result is None else _of_pairs(pairs, result.estimate, result.p_value, result.p_method)
    single = all((sample.trials[pairs.both] == 1).all() and sample.is_binary for sample in pairs.samples)
    if single and pairs.n_clusters == len(pairs.d):
        gained, lost = int((pairs.d > 0).sum()), int((pairs.d < 0).sum())
        interval, method = tango(gained, lost, len(pairs.d), normal_quantile(settings.level)), "Tango score"
        test = _mcnemar(gained, lost, exact=settings.exact)
    else:
        interval, method = _scaled_tango_of(pairs, settings.level), "Tango score, scaled to the clusters"
        test = sign_flip(cluster_totals(pairs.d, pairs.cluster), settings)
    estimate = _estimate(pairs, interval, method, settings, unit)
    return _of_pairs(pairs, estimate, test.p_value, test.method, test.smallest_p)


def compare_values(candidate: Sample, baseline: Sample, settings: Settings, *, unit: str) -> Difference | None:
    """Difference of means of an unbounded metric: studentised cluster bootstrap and sign flips of cluster totals.

    Limits are None where every case has the same difference or only one cluster is left. No case in common: Welch.
    None where an arm has no value. Raises ``ValueError`` for +inf (failed times have quantiles, not means).
    """
    pairs = _pairs(candidate, baseline)
    if pairs is None:
        return _of_independent(welch(candidate, baseline, settings, unit=unit))
    test = sign_flip(cluster_totals(pairs.d, pairs.cluster), settings)
    of_plan = np.full(candidate.n_cases, np.nan)
    of_plan[pairs.both] = pairs.d
    fit = studentised_mean(of_plan, candidate.cluster, settings)
    interval = fit.interval(settings.level) if fit else (None, None)
    estimate = _estimate(pairs, interval, "studentised cluster bootstrap" if fit else NO_SPREAD, settings, unit)
    return _of_pairs(pairs, estimate, test.p_value, test.method, test.smallest_p)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """The cases that both arms have: ``both`` (n cases of the plan) and per common case b, a, d = b - a, cluster.

    ``samples`` are candidate and baseline without their other cases.
    """

    samples: tuple[Sample, Sample]
    both: Mask
    b: Floats
    a: Floats
    d: Floats
    cluster: Ints

    @property
    def n_clusters(self) -> int:
        return groups(self.cluster)[1]


def _pairs(candidate: Sample, baseline: Sample) -> _Pairs | None:
    both = candidate.scored & baseline.scored
    if not both.any():
        return None
    b, a = candidate.means[both], baseline.means[both]
    if not (np.isfinite(b).all() and np.isfinite(a).all()):
        raise ValueError("a mean of times that never ended does not exist; compare ratios of medians instead")
    return _Pairs(
        samples=(restricted(candidate, both), restricted(baseline, both)),
        both=both,
        b=b,
        a=a,
        d=paired_differences(b, a),
        cluster=candidate.cluster[both],
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


def _scaled_tango_of(pairs: _Pairs, level: float) -> Interval:
    totals = cluster_totals(pairs.d, pairs.cluster)
    if len(totals) < 2:
        return -1.0, 1.0
    critical = t_quantile(level, len(totals) - 1)
    up, down = float(pairs.d[pairs.d > 0].sum()), float(-pairs.d[pairs.d < 0].sum())
    return scaled_tango(up, down, float(np.square(totals).sum()), len(pairs.d), len(totals), critical)


def _mcnemar(gained: int, lost: int, *, exact: bool) -> SignTest:
    """Source: Fagerland, Lydersen and Laake 2013 (mid-p); McNemar 1947 (exact)."""
    flips, fewer = gained + lost, min(gained, lost)
    tail = float(special.bdtr(fewer, flips, 0.5)) if flips else 1.0
    if exact:
        p, smallest, method = 2 * tail, 2.0 ** (1 - min(flips, 1000)), "McNemar, exact"
    else:
        at = tail - (float(special.bdtr(fewer - 1, flips, 0.5)) if fewer else 0.0)
        p, smallest, method = 2 * tail - at, 2.0 ** -min(flips, 1000), "McNemar, mid-p"
    if gained == lost:
        p = 1.0
    return SignTest(p_value=min(1.0, max(p, SMALLEST_P)), smallest_p=min(1.0, smallest), method=method)


def paired_differences(b: Floats, a: Floats) -> Floats:
    """b - a, exactly 0 where they differ by rounding alone: that is no flip. NaN and inf must not be paired."""
    return without_noise(b - a, np.abs(b) + np.abs(a))


def _of_independent(result: IndependentDifference | None) -> Difference | None:
    if result is None:
        return None
    return Difference(estimate=result.estimate, p_value=result.p_value, p_method=result.p_method, design="unpaired")


def _of_pairs(
    pairs: _Pairs, estimate: Estimate, p_value: float | None, p_method: str, smallest_p: float | None = None
) -> Difference:
    return Difference(
        estimate=replace(estimate, n=len(pairs.d), n_clusters=pairs.n_clusters),
        p_value=p_value,
        p_method=p_method,
        smallest_p=smallest_p,
        n_pairs=len(pairs.d),
        gained=int((pairs.d > 0).sum()),
        lost=int((pairs.d < 0).sum()),
        correlation=correlation(pairs.a, pairs.b),
        variance=cluster_variance(pairs.d, pairs.cluster) * len(pairs.d) if pairs.n_clusters > 1 else None,
    )


def _estimate(
    pairs: _Pairs, interval: tuple[float | None, float | None], method: str, settings: Settings, unit: str
) -> Estimate:
    return Estimate(
        point=float(pairs.d.mean()),
        lower=interval[0],
        upper=interval[1],
        method=method,
        n=len(pairs.d),
        unit=unit,
        level=settings.level,
        n_trials=sum(int(sample.trials.sum()) for sample in pairs.samples),
    )
