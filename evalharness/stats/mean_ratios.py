"""How many times as much? Ratios of means, and what one right answer costs: mean cost over the share of right ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, Studentised, resampled_sums, studentised
from evalharness.stats.evidence import Limits
from evalharness.stats.means import WIDENED, limits_of_mean, refuse_infinite, studentised_mean
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
    restricted,
    sums_by,
    with_level,
    without_noise,
)
from evalharness.stats.skewed import Widened, positive_log_ratio

#: Below this many effective right (or wrong) answers draws hardly vary in them, or have none: no bootstrap limits.
FEW_OUTCOMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """candidate / baseline with its p against 1 (None without an interval)."""

    estimate: Estimate
    p_value: float | None
    p_method: str


def ratio_of_means(candidate: Sample, baseline: Sample, settings: Settings) -> Ratio | None:
    """As ``ratios_of_means`` of this pair alone."""
    return ratios_of_means([(candidate, baseline)], settings)[0]


def ratios_of_means(pairs: Sequence[tuple[Sample, Sample]], settings: Settings) -> tuple[Ratio | None, ...]:
    """mean(candidate) / mean(baseline) over the cases both measured; interval and p from ``log_ratios``.

    None where no case is common or either mean is 0 or negative. Limits are None where every case has the same ratio.
    The pairs index the same cases and share the draws, which changes no figure: each is what it would be alone.
    """
    has_ratio = [_have_ratio(*pair) for pair in pairs]
    fits = iter(log_ratios([(b.means, a.means) for b, a in compress(pairs, has_ratio)], _cluster(pairs), settings))
    return tuple(
        _ratio(*pair, next(fits), settings) if has else None for pair, has in zip(pairs, has_ratio, strict=True)
    )


def _cluster(pairs: Sequence[tuple[Sample, Sample]]) -> Ints:
    """That of all of them."""
    return pairs[0][0].cluster if pairs else np.empty(0, dtype=np.int64)


def _have_ratio(upper: Sample, lower: Sample) -> bool:
    """Whether both have a mean above 0 on the cases that both have. Raises ``ValueError`` for +inf among those."""
    both = upper.scored & lower.scored
    if not both.any():
        return False
    for sample in (upper, lower):
        refuse_infinite(sample.means[both])
    return bool(upper.means[both].mean() > 0 and lower.means[both].mean() > 0)


def _ratio(candidate: Sample, baseline: Sample, fit: Widened | None, settings: Settings) -> Ratio:
    both = candidate.scored & baseline.scored
    limits = _exponentiated(fit, settings.level)
    estimate = Estimate(
        point=float(candidate.means[both].mean() / baseline.means[both].mean()),
        lower=limits[0],
        upper=limits[1],
        method="studentised cluster bootstrap of the log ratio" + WIDENED if fit else NO_SPREAD,
        n=int(both.sum()),
        unit="ratio",
        level=settings.level,
        n_trials=int(candidate.trials[both].sum() + baseline.trials[both].sum()),
        n_clusters=groups(candidate.cluster[both])[1],
    )
    return Ratio(estimate=estimate, p_value=fit.p_value() if fit else None, p_method="studentised bootstrap")


def cost_per_correct(cost: Sample, correct: Sample, settings: Settings) -> Estimate | None:
    """As ``costs_per_correct`` of this arm alone."""
    return costs_per_correct([(cost, correct)], settings)[0]


def costs_per_correct(arms: Sequence[tuple[Sample, Sample]], settings: Settings) -> tuple[Estimate | None, ...]:
    """Mean cost over mean share of right answers, on the cases that have both: what one right answer costs.

    ``arms``: cost and right answers (0 and 1) of each, on the same cases; as they share the draws, each figure is what
    it would be alone. None where no case has both, nothing cost anything, or no answer is right.
    With few right or few wrong answers the limits combine those of both means, each at level 1 - alpha/2 (Bonferroni).
    """
    has_ratio = [_have_ratio(*arm) for arm in arms]
    is_drawn = [has and not _few_outcomes(*arm, settings) for arm, has in zip(arms, has_ratio, strict=True)]
    fits = iter(
        log_ratios([(cost.means, right.means) for cost, right in compress(arms, is_drawn)], _cluster(arms), settings)
    )
    limits = [
        _drawn_limits(next(fits), settings) if drawn else _combined_limits(*arm, settings) if has else None
        for arm, has, drawn in zip(arms, has_ratio, is_drawn, strict=True)
    ]
    return tuple(
        None if own is None else _cost_estimate(*arm, *own, settings) for arm, own in zip(arms, limits, strict=True)
    )


def _few_outcomes(cost: Sample, correct: Sample, settings: Settings) -> bool:
    """Whether right or wrong answers are so few that draws hardly vary in them."""
    share = effective_share(_common(cost, correct), with_level(settings, 1 - settings.alpha / 2))
    return share is not None and min(share.share, 1 - share.share) * share.n_effective < FEW_OUTCOMES


def _common(cost: Sample, correct: Sample) -> Sample:
    """The right answers of the cases that have both."""
    return restricted(correct, cost.scored & correct.scored)


def _drawn_limits(ratio: Widened | None, settings: Settings) -> tuple[Limits, str]:
    if ratio is None:
        return (None, None), NO_SPREAD
    return _exponentiated(ratio, settings.level), "studentised cluster bootstrap of the log ratio" + WIDENED


def _combined_limits(cost: Sample, correct: Sample, settings: Settings) -> tuple[Limits, str]:
    narrower = with_level(settings, 1 - settings.alpha / 2)
    right = _common(cost, correct)
    spent, share = np.where(right.scored, cost.means, np.nan), effective_share(right, narrower)
    fit = studentised_mean(spent, cost.cluster, settings)
    if fit is None or share is None:
        return (None, None), NO_SPREAD
    limits = limits_of_mean(fit, spent, settings)(narrower.level)
    return over_share(limits, share.interval(narrower)), "limits of mean cost and share combined"


def _cost_estimate(cost: Sample, correct: Sample, limits: Limits, method: str, settings: Settings) -> Estimate:
    both = cost.scored & correct.scored
    return Estimate(
        point=float(cost.means[both].mean() / correct.means[both].mean()),
        lower=limits[0],
        upper=limits[1],
        method=method,
        n=int(both.sum()),
        unit="usd",
        level=settings.level,
        n_trials=int(cost.trials[both].sum()),
        n_clusters=groups(cost.cluster[both])[1],
    )


def over_share(limits: Limits, share: Interval) -> Limits:
    """Extremes of a mean cost, 0 or above, divided by a share of right answers; None on a side without one."""
    (lower, upper), (least, most) = limits, share
    return (None if lower is None else max(0.0, lower) / most), (None if upper is None or least <= 0 else upper / least)


def log_ratio(upper: Floats, lower: Floats, cluster: Ints, settings: Settings) -> Widened | None:
    """As ``log_ratios`` of this pair alone."""
    return log_ratios([(upper, lower)], cluster, settings)[0]


def log_ratios(pairs: Sequence[tuple[Floats, Floats]], cluster: Ints, settings: Settings) -> list[Widened | None]:
    """``studentised_log_ratios`` of values of which none is negative, with limits as ``skewed`` has them."""
    fits = studentised_log_ratios(pairs, cluster, settings)
    return [
        None if fit is None else _widened(fit, *pair, cluster, settings) for pair, fit in zip(pairs, fits, strict=True)
    ]


def _widened(fit: Studentised, upper: Floats, lower: Floats, cluster: Ints, settings: Settings) -> Widened:
    both = ~np.isnan(upper) & ~np.isnan(lower)
    totals = [cluster_totals(x[both] / x[both].mean() - 1, cluster[both]) for x in (upper, lower)]
    squares = [float(np.square(total).sum()) for total in totals]
    n_groups = fit.n_clusters
    variations = [n_groups * math.sqrt(square / (n_groups - 1)) / int(both.sum()) for square in squares]
    spread = math.sqrt(squares[0] * squares[1])
    correlation = float(totals[0] @ totals[1]) / spread if spread else 0.0
    return positive_log_ratio(fit, (variations[0], variations[1]), correlation, settings)


def studentised_log_ratios(
    pairs: Sequence[tuple[Floats, Floats]], cluster: Ints, settings: Settings
) -> list[Studentised | None]:
    """Draws for log(mean(upper) / mean(lower)) of each pair (n cases each), over the cases that both columns have, both
    with a mean > 0.

    Linearised: u_i = upper_i / mean(upper) - lower_i / mean(lower), the error of the log ratio is that of mean(u).
    A draw in which a mean is (nearly) 0 counts as infinitely far. None, and NaN, as in ``studentised_mean``.
    Source: Cochran 1977, section 6.4 (ratio linearisation), with cluster totals.
    """
    ratios = [_LogRatio.of(upper, lower, cluster) for upper, lower in pairs]
    varying = [ratio for ratio in ratios if ratio.variance > 0]
    if not varying:
        return [None] * len(pairs)
    index, n_plan = groups(cluster)
    columns = np.hstack([ratio.columns(index, n_plan) for ratio in varying])
    sums = iter(np.hsplit(resampled_sums(columns, settings), len(varying)))
    return [ratio.studentised(next(sums)) if ratio.variance > 0 else None for ratio in ratios]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LogRatio:
    """``both`` (n cases): whether a case has both values, and of these (m) each divided by its mean."""

    both: Mask
    upper: Floats
    lower: Floats
    point: float
    variance: float
    n_groups: int

    @classmethod
    def of(cls, upper: Floats, lower: Floats, cluster: Ints) -> _LogRatio:
        both = ~np.isnan(upper) & ~np.isnan(lower)
        upper_mean, lower_mean = float(upper[both].mean()), float(lower[both].mean())
        b, a = upper[both] / upper_mean, lower[both] / lower_mean
        return cls(
            both=both,
            upper=b,
            lower=a,
            point=math.log(upper_mean / lower_mean),
            variance=cluster_variance(without_noise(b - a, b + a), cluster[both]),
            n_groups=groups(cluster[both])[1],
        )

    def columns(self, index: Ints, n_plan: int) -> Floats:
        """(n_plan, 5) totals of the clusters of the plan, of which ``index`` (n cases) is, and their products."""
        b, a = (sums_by(index[self.both], x, n_plan) for x in (self.upper, self.lower))
        return np.column_stack([b, a, b**2, b * a, a**2])

    def studentised(self, sums: Floats) -> Studentised:
        """``sums`` (B, 5) of ``columns``."""
        b_sum, a_sum, bb, ba, aa = sums.T
        usable = (b_sum > 1e-9) & (a_sum > 1e-9)
        shift = np.where(b_sum > 1e-9, np.inf, -np.inf)
        error = np.zeros_like(shift)
        b_sum, a_sum = b_sum[usable], a_sum[usable]
        shift[usable] = np.log(b_sum / a_sum)
        squares = bb[usable] / b_sum**2 - 2 * ba[usable] / (b_sum * a_sum) + aa[usable] / a_sum**2
        squares = np.maximum(0.0, without_noise(squares, aa[usable] / a_sum**2))
        error[usable] = np.sqrt(self.n_groups / (self.n_groups - 1) * squares)
        draws = studentised(without_noise(shift, 1.0), error)
        return Studentised(
            point=self.point, standard_error=math.sqrt(self.variance), draws=draws, n_clusters=self.n_groups
        )


def _exponentiated(fit: Widened | None, level: float) -> tuple[float | None, float | None]:
    """Limits of a ratio from those of its log; None on a side that would be 0 or beyond any number."""
    if fit is None:
        return None, None
    lower, upper = fit.interval(level)
    return (math.exp(lower) if lower > -700 else None), (math.exp(upper) if upper < 700 else None)
