"""Differences of two arms whose errors are independent: different cases, or the same cases in ``scope`` suite."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, SMALLEST_P
from evalharness.stats.one_arm import effective_share
from evalharness.stats.proportions import difference_limits, t_quantile
from evalharness.stats.sample import Sample, Settings, cluster_variance, groups, with_level

_LARGEST_P = 1 - 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentDifference:
    estimate: Estimate
    p_value: float | None
    p_method: str


def independent_scores(
    candidate: Sample, baseline: Sample, settings: Settings, *, unit: str
) -> IndependentDifference | None:
    """Newcombe's interval from the two arms' own score intervals; p is the level at which it reaches 0.

    None where an arm has no estimate (``effective_share``).
    """
    b, a = effective_share(candidate, settings), effective_share(baseline, settings)
    if b is None or a is None:
        return None
    point = b.share - a.share
    lower, upper = _newcombe(candidate, baseline, settings)
    return IndependentDifference(
        estimate=_estimate(candidate, baseline, point, (lower, upper), "Newcombe score", settings, unit),
        p_value=_inverted(candidate, baseline, settings) if point else 1.0,
        p_method="inverted Newcombe interval",
    )


def _newcombe(candidate: Sample, baseline: Sample, settings: Settings) -> tuple[float, float]:
    b, a = effective_share(candidate, settings), effective_share(baseline, settings)
    assert b is not None and a is not None
    return difference_limits(b.share, b.interval(settings), a.share, a.interval(settings))


def _inverted(candidate: Sample, baseline: Sample, settings: Settings) -> float:
    """1 - the highest level whose interval leaves out 0, by bisection on log p; 1.0 where none does.

    Shares that differ by rounding alone are left out by no level whose quantile can be told from 0.
    """

    def leaves_out_zero(log_p: float) -> bool:
        lower, upper = _newcombe(candidate, baseline, with_level(settings, -math.expm1(log_p)))
        return lower > 0 or upper < 0

    low, high = math.log(SMALLEST_P), math.log(_LARGEST_P)
    if not leaves_out_zero(high):
        return 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if leaves_out_zero(middle) else (middle, high)
    return math.exp(high)


def welch(candidate: Sample, baseline: Sample, settings: Settings, *, unit: str) -> IndependentDifference | None:
    """Welch's t on case means (cluster totals where there are clusters) of two sets of different cases.

    None where an arm has no value; limits and p are None where an arm has one cluster or no arm any spread.
    Source: Welch 1947; Satterthwaite's degrees of freedom, at G - 1 per arm.
    """
    if not (candidate.scored.any() and baseline.scored.any()):
        return None
    parts = []
    for arm in (candidate, baseline):
        means, cluster = arm.means[arm.scored], arm.cluster[arm.scored]
        parts.append((float(means.mean()), cluster_variance(means, cluster), groups(cluster)[1]))
    (mean_b, var_b, g_b), (mean_a, var_a, g_a) = parts
    point, variance = mean_b - mean_a, var_b + var_a
    if not math.isfinite(point):
        raise ValueError("a mean of times that never ended does not exist; compare quantiles instead")
    if variance == 0 or min(g_a, g_b) < 2:
        method = NO_SPREAD
        estimate = _estimate(candidate, baseline, point, (None, None), method, settings, unit)
        return IndependentDifference(estimate=estimate, p_value=None, p_method="")
    df = variance**2 / (var_b**2 / (g_b - 1) + var_a**2 / (g_a - 1))
    half = t_quantile(settings.level, df) * math.sqrt(variance)
    p = 2 * float(special.stdtr(df, -abs(point) / math.sqrt(variance)))
    return IndependentDifference(
        estimate=_estimate(candidate, baseline, point, (point - half, point + half), "Welch t", settings, unit),
        p_value=max(SMALLEST_P, p),
        p_method="Welch t",
    )


def _estimate(
    candidate: Sample,
    baseline: Sample,
    point: float,
    limits: tuple[float | None, float | None],
    method: str,
    settings: Settings,
    unit: str,
) -> Estimate:
    return Estimate(
        point=point,
        lower=limits[0],
        upper=limits[1],
        method=method,
        n=int(candidate.scored.sum() + baseline.scored.sum()),
        unit=unit,
        level=settings.level,
        n_trials=int(candidate.trials.sum() + baseline.trials.sum()),
    )
