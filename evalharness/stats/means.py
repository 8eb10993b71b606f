"""What does it cost? Means of money and tokens, ratios of means, and cost per correct answer.

Money adds up, so it has a mean and a total, never a median alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, Studentised, resampled_sums, studentised, studentised_means
from evalharness.stats.evidence import Limits
from evalharness.stats.one_arm import effective_share
from evalharness.stats.proportions import Interval
from evalharness.stats.sample import (
    Floats,
    Ints,
    Mask,
    Sample,
    Settings,
    cluster_totals,
    cluster_variance,
    groups,
    means_matrix,
    restricted,
    sums_by,
    with_level,
    without_noise,
)
from evalharness.stats.skewed import Widened, positive_log_ratio, positive_mean

#: Below this many effective right (or wrong) answers draws hardly vary in them, or have none: no bootstrap limits.
FEW_OUTCOMES = 10
#: What ``skewed`` adds to a method's name.
WIDENED = ", from 10 cases no narrower than for lognormal values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """candidate / baseline with its p against 1 (None without an interval)."""

    estimate: Estimate
    p_value: float | None
    p_method: str


def estimate_mean(sample: Sample, settings: Settings, *, unit: str) -> Estimate | None:
    """As ``estimate_means`` of this sample alone."""
    return estimate_means([sample], settings, units=[unit])[0]


def estimate_means(
    samples: Sequence[Sample], settings: Settings, *, units: Sequence[str]
) -> tuple[Estimate | None, ...]:
    """Per sample the mean over cases of the case means, with ``limits_of_mean``; None without a value.

    The samples index the same cases and share the draws, which changes no figure: each is what it would be alone.
    Limits are None where all cases are equal or one cluster is left: constant data do not show how much the next
    case could differ, and a zero-width interval would claim that it cannot. Raises ``ValueError`` for +inf.
    """
    columns, cluster = means_matrix(samples), samples[0].cluster
    _refuse_infinite(columns)
    fits = mean_draws(columns, cluster, settings)
    return tuple(
        _mean_estimate(sample, fit, settings, unit) if sample.scored.any() else None
        for sample, fit, unit in zip(samples, fits, units, strict=True)
    )


def _mean_estimate(sample: Sample, fit: Studentised | None, settings: Settings, unit: str) -> Estimate:
    limits = limits_of_mean(fit, sample.means, settings)(settings.level) if fit else (None, None)
    means = sample.means[sample.scored]
    return Estimate(
        point=float(means.mean()),
        lower=limits[0],
        upper=limits[1],
        method="studentised cluster bootstrap" + WIDENED * bool(means.min() >= 0) if fit else NO_SPREAD,
        n=len(means),
        unit=unit,
        level=settings.level,
        n_trials=int(sample.trials.sum()),
        n_clusters=groups(sample.cluster[sample.scored])[1],
    )


def limits_of_mean(fit: Studentised, x: Floats, settings: Settings) -> Callable[[float], Limits]:
    """Limits at any level of the mean of ``x`` (n cases, NaN without a value): bootstrap-t ones, above 0 and with an
    upper one as ``skewed`` has it where no value is negative. None on a side without one."""
    if np.nanmin(x) < 0:
        return fit.interval
    mean = positive_mean(fit, settings)

    def limits(level: float) -> Limits:
        lower, upper = mean.interval(level)
        return max(0.0, lower), (upper if math.isfinite(upper) else None)

    return limits


def ratio_of_means(candidate: Sample, baseline: Sample, settings: Settings) -> Ratio | None:
    """mean(candidate) / mean(baseline) over the cases both measured; interval and p from ``log_ratio``.

    None where no case is common or either mean is 0 or negative. Limits are None where every case has the same ratio.
    """
    both = candidate.scored & baseline.scored
    if not both.any():
        return None
    b, a = candidate.means[both], baseline.means[both]
    _refuse_infinite(a)
    _refuse_infinite(b)
    if a.mean() <= 0 or b.mean() <= 0:
        return None
    fit = log_ratio(candidate.means, baseline.means, candidate.cluster, settings)
    limits = _exponentiated(fit, settings.level)
    estimate = Estimate(
        point=float(b.mean() / a.mean()),
        lower=limits[0],
        upper=limits[1],
        method="studentised cluster bootstrap of the log ratio" + WIDENED if fit else NO_SPREAD,
        n=len(a),
        unit="ratio",
        level=settings.level,
        n_trials=int(candidate.trials[both].sum() + baseline.trials[both].sum()),
        n_clusters=groups(candidate.cluster[both])[1],
    )
    return Ratio(estimate=estimate, p_value=fit.p_value() if fit else None, p_method="studentised bootstrap")


def cost_per_correct(cost: Sample, correct: Sample, settings: Settings) -> Estimate | None:
    """Mean cost over mean share of right answers, on the cases that have both: what one right answer costs.

    ``correct`` holds 0 and 1. None where no case has both, nothing cost anything, or no answer is right.
    With few right or few wrong answers the limits combine those of both means, each at level 1 - alpha/2 (Bonferroni).
    """
    both = cost.scored & correct.scored
    if not both.any():
        return None
    spent, right = cost.means[both], correct.means[both]
    _refuse_infinite(spent)
    if spent.mean() <= 0 or right.mean() <= 0:
        return None
    limits, method = _cost_limits(cost, correct, both, settings)
    return Estimate(
        point=float(spent.mean() / right.mean()),
        lower=limits[0],
        upper=limits[1],
        method=method,
        n=len(spent),
        unit="usd",
        level=settings.level,
        n_trials=int(cost.trials[both].sum()),
        n_clusters=groups(cost.cluster[both])[1],
    )


def _cost_limits(cost: Sample, correct: Sample, both: Mask, settings: Settings) -> tuple[Limits, str]:
    narrower = with_level(settings, 1 - settings.alpha / 2)
    share = effective_share(restricted(correct, both), narrower)
    if share is not None and min(share.share, 1 - share.share) * share.n_effective < FEW_OUTCOMES:
        spent = np.where(both, cost.means, np.nan)
        fit = studentised_mean(spent, cost.cluster, settings)
        if fit is None:
            return (None, None), NO_SPREAD
        limits = limits_of_mean(fit, spent, settings)(narrower.level)
        return over_share(limits, share.interval(narrower)), "limits of mean cost and share combined"
    ratio = log_ratio(cost.means, correct.means, cost.cluster, settings)
    if ratio is None:
        return (None, None), NO_SPREAD
    return _exponentiated(ratio, settings.level), "studentised cluster bootstrap of the log ratio" + WIDENED


def over_share(limits: Limits, share: Interval) -> Limits:
    """Extremes of a mean cost, 0 or above, divided by a share of right answers; None on a side without one."""
    (lower, upper), (least, most) = limits, share
    return (None if lower is None else max(0.0, lower) / most), (None if upper is None or least <= 0 else upper / least)


def studentised_mean(x: Floats, cluster: Ints, settings: Settings) -> Studentised | None:
    """Draws for the mean of ``x`` (n cases of the plan, NaN where a case has no value; not infinite).

    None below two clusters with a value or without spread between them. All clusters of the plan are drawn, so that
    all figures of a run are of the same draws, and a draw's mean is over those of its cases that have a value.
    """
    return mean_draws(x[:, None], cluster, settings)[0]


def mean_draws(columns: Floats, cluster: Ints, settings: Settings) -> list[Studentised | None]:
    """``studentised_mean`` of each of ``columns`` (n cases, k)."""
    index, n_groups = groups(cluster)
    fits: list[Studentised | None] = [None] * columns.shape[1]
    present = ~np.isnan(columns)
    variances = {k: cluster_variance(columns[here, k], cluster[here]) for k, here in enumerate(present.T) if here.any()}
    varying = [k for k, variance in variances.items() if variance > 0]
    if not varying:
        return fits
    points = {k: float(columns[present[:, k], k].mean()) for k in varying}
    deviations = [np.where(present[:, k], columns[:, k] - points[k], 0.0) for k in varying]
    totals = np.column_stack([sums_by(index, deviation, n_groups) for deviation in deviations])
    sizes = np.column_stack([sums_by(index, present[:, k].astype(float), n_groups) for k in varying])
    draws = studentised_means(totals, sizes, settings)
    for place, k in enumerate(varying):
        fits[k] = Studentised(
            point=points[k],
            standard_error=math.sqrt(variances[k]),
            draws=draws[:, place],
            n_clusters=int((sizes[:, place] > 0).sum()),
        )
    return fits


def log_ratio(upper: Floats, lower: Floats, cluster: Ints, settings: Settings) -> Widened | None:
    """``studentised_log_ratio`` of values of which none is negative, with limits as ``skewed`` has them."""
    fit = studentised_log_ratio(upper, lower, cluster, settings)
    if fit is None:
        return None
    both = ~np.isnan(upper) & ~np.isnan(lower)
    totals = [cluster_totals(x[both] / x[both].mean() - 1, cluster[both]) for x in (upper, lower)]
    squares = [float(np.square(total).sum()) for total in totals]
    n_groups = fit.n_clusters
    variations = [n_groups * math.sqrt(square / (n_groups - 1)) / int(both.sum()) for square in squares]
    spread = math.sqrt(squares[0] * squares[1])
    correlation = float(totals[0] @ totals[1]) / spread if spread else 0.0
    return positive_log_ratio(fit, (variations[0], variations[1]), correlation, settings)


def studentised_log_ratio(upper: Floats, lower: Floats, cluster: Ints, settings: Settings) -> Studentised | None:
    """Draws for log(mean(upper) / mean(lower)) over the cases that both columns have, both with a mean > 0.

    Linearised: u_i = upper_i / mean(upper) - lower_i / mean(lower), the error of the log ratio is that of mean(u).
    A draw in which a mean is (nearly) 0 counts as infinitely far. None, and NaN, as in ``studentised_mean``.
    Source: Cochran 1977, section 6.4 (ratio linearisation), with cluster totals.
    """
    both = ~np.isnan(upper) & ~np.isnan(lower)
    upper_mean, lower_mean = float(upper[both].mean()), float(lower[both].mean())
    b, a = upper[both] / upper_mean, lower[both] / lower_mean
    variance = cluster_variance(without_noise(b - a, b + a), cluster[both])
    if variance == 0:
        return None
    index, n_plan = groups(cluster)
    n_groups = groups(cluster[both])[1]
    b_total, a_total = sums_by(index[both], b, n_plan), sums_by(index[both], a, n_plan)
    columns = np.column_stack([b_total, a_total, b_total**2, b_total * a_total, a_total**2])
    b_sum, a_sum, bb, ba, aa = resampled_sums(columns, settings).T
    usable = (b_sum > 1e-9) & (a_sum > 1e-9)
    shift = np.where(b_sum > 1e-9, np.inf, -np.inf)
    error = np.zeros_like(shift)
    b_sum, a_sum = b_sum[usable], a_sum[usable]
    shift[usable] = np.log(b_sum / a_sum)
    squares = bb[usable] / b_sum**2 - 2 * ba[usable] / (b_sum * a_sum) + aa[usable] / a_sum**2
    error[usable] = np.sqrt(n_groups / (n_groups - 1) * without_noise(squares, aa[usable] / a_sum**2))
    draws = studentised(without_noise(shift, 1.0), error)
    point = math.log(upper_mean / lower_mean)
    return Studentised(point=point, standard_error=math.sqrt(variance), draws=draws, n_clusters=n_groups)


def _exponentiated(fit: Widened | None, level: float) -> tuple[float | None, float | None]:
    """Limits of a ratio from those of its log; None on a side that would be 0 or beyond any number."""
    if fit is None:
        return None, None
    lower, upper = fit.interval(level)
    return (math.exp(lower) if lower > -700 else None), (math.exp(upper) if upper < 700 else None)


def _refuse_infinite(means: Floats) -> None:
    if np.isinf(means).any():
        raise ValueError("a mean of times that never ended does not exist; use stats.quantiles")
