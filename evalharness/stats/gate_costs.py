"""Evidence of what a right answer costs, for gates: of one arm, and of a candidate as a multiple of the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, Studentised, resampled_sums, studentised
from evalharness.stats.evidence import LEVEL, Evidence, Gap, Inverted, Limits, Showing, nothing, unlimited
from evalharness.stats.gate_parts import exponentiated, gap_of_interval, n_independent, of_one_value
from evalharness.stats.mean_ratios import FEW_OUTCOMES, cost_per_correct, log_ratio, over_share
from evalharness.stats.means import limits_of_mean, studentised_mean
from evalharness.stats.one_arm import effective_share
from evalharness.stats.sample import (
    Floats,
    Ints,
    Sample,
    Settings,
    cluster_variance,
    filled,
    groups,
    restricted,
    sums_by,
    with_level,
    without_noise,
)

#: cost of B / right of B / cost of A * right of A.
_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """One arm's cost and its right answers (0 or 1), on the same cases. ``missing``: limits of one unknown cost."""

    cost: Sample
    correct: Sample
    missing: tuple[float, float] = (0.0, math.inf)

    @property
    def n_missing(self) -> int:
        return self.cost.n_missing + self.correct.n_missing

    def worst(self) -> Spending:
        return Spending(cost=filled(self.cost, self.missing[1]), correct=filled(self.correct, 0.0))

    def best(self) -> Spending:
        return Spending(cost=filled(self.cost, self.missing[0]), correct=filled(self.correct, 1.0))

    def common(self) -> Spending:
        """The cases that have both."""
        both = self.cost.scored & self.correct.scored
        return Spending(cost=restricted(self.cost, both), correct=restricted(self.correct, both))


def cost_per_correct_evidence(spending: Spending, settings: Settings) -> Evidence:
    """Mean cost over the share of right answers, with the limits of ``cost_per_correct``; it has no estimate where no
    answer is right, and can still be shown to lie above a limit."""
    extremes = (_one_arm(spending.worst(), settings), _one_arm(spending.best(), settings)) if spending.n_missing else ()
    return _evidence(_one_arm(spending, settings), extremes, spending.n_missing)


def cost_per_correct_ratio_evidence(candidate: Spending, baseline: Spending, settings: Settings) -> Evidence:
    """Candidate / baseline of the cost per right answer, over the cases that both arms have.

    With few right or few wrong answers in an arm the limits combine those of both arms, each at half the error.
    """
    n_missing = candidate.n_missing + baseline.n_missing
    extremes: tuple[Showing, ...] = ()
    if n_missing:
        worst = _two_arms(candidate.worst(), baseline.best(), settings)
        extremes = (worst, _two_arms(candidate.best(), baseline.worst(), settings))
    return _evidence(_two_arms(candidate, baseline, settings), extremes, n_missing)


def _evidence(observed: Showing, extremes: tuple[Showing, ...], n_missing: int) -> Evidence:
    def gap(limit: float) -> Gap | None:
        return None if observed.estimate is None else gap_of_interval(observed.estimate, limit)

    return Evidence(observed=observed, extremes=extremes, n_missing=n_missing, gap=gap)


def _one_arm(spending: Spending, settings: Settings) -> Showing:
    spent = spending.common()
    n_clusters = n_independent(spent.cost)
    if np.isinf(spent.cost.values).any():  # a missing cost that could be anything
        return unlimited(above=True, n_clusters=n_clusters)
    limits = _limits(spent, settings)
    if limits is None:
        return nothing(n_clusters)
    return Showing(
        estimate=cost_per_correct(spent.cost, spent.correct, with_level(settings, LEVEL)),
        p_value=Inverted(limits=limits, least_p=1 / (settings.n_resamples + 1)),
        n_clusters=n_clusters,
    )


def _limits(spent: Spending, settings: Settings) -> Callable[[float], Limits] | None:
    """Those of ``cost_per_correct`` at any level, from one set of draws; None where nothing was spent or varies."""
    cost, correct = spent.cost, spent.correct
    if not cost.scored.any() or float(np.nanmean(cost.means)) <= 0:
        return None
    if not _few(correct, settings):
        fit = log_ratio(cost.means, correct.means, cost.cluster, settings)
        return None if fit is None else lambda level: exponentiated(fit.interval(level))
    mean = studentised_mean(cost.means, cost.cluster, settings)
    if mean is None:
        return None
    of_mean = limits_of_mean(mean, cost.means, settings)
    return lambda level: _combined(of_mean, correct, with_level(settings, (1 + level) / 2))


def _few(correct: Sample, settings: Settings) -> bool:
    """Whether right or wrong answers are so few that draws hardly vary in them (as in ``cost_per_correct``)."""
    share = effective_share(correct, with_level(settings, (1 + LEVEL) / 2))
    return share is None or min(share.share, 1 - share.share) * share.n_effective < FEW_OUTCOMES


def _combined(of_mean: Callable[[float], Limits], correct: Sample, settings: Settings) -> Limits:
    share = effective_share(correct, settings)
    return (None, None) if share is None else over_share(of_mean(settings.level), share.interval(settings))


def _two_arms(candidate: Spending, baseline: Spending, settings: Settings) -> Showing:
    arms = [sample for arm in (candidate, baseline) for sample in (arm.cost, arm.correct)]
    both = np.logical_and.reduce([arm.scored for arm in arms])
    if not both.any():
        return nothing()
    cost_b, right_b, cost_a, right_a = (restricted(arm, both) for arm in arms)
    b, a = Spending(cost=cost_b, correct=right_b), Spending(cost=cost_a, correct=right_a)
    n_clusters = n_independent(b.cost)
    endless = [bool(np.isinf(arm.cost.values).any()) for arm in (b, a)]
    if any(endless):
        return nothing(n_clusters) if all(endless) else unlimited(above=endless[0], n_clusters=n_clusters)
    point = _point(b, a)
    columns = np.column_stack([arm.means[both] for arm in arms])
    few = point is None or _few(b.correct, settings) or _few(a.correct, settings)
    limits = _of_both(b, a, settings) if few else _joint(columns, b.cost.cluster[both], settings)
    estimate = Estimate(
        point=point or 0.0,
        lower=None,
        upper=None,
        method=NO_SPREAD,
        n=int(both.sum()),
        unit="ratio",
        level=LEVEL,
        n_trials=int(b.cost.trials.sum() + a.cost.trials.sum()),
        n_clusters=n_clusters,
    )
    if limits is None:
        return nothing(n_clusters) if few else of_one_value(estimate, n_clusters)
    lower, upper = limits(LEVEL)
    method = "limits of both arms combined" if few else "studentised cluster bootstrap of the log ratio"
    return Showing(
        estimate=None if point is None else replace(estimate, lower=lower, upper=upper, method=method),
        p_value=Inverted(limits=limits, least_p=1 / (settings.n_resamples + 1)),
        n_clusters=n_clusters,
    )


def _point(b: Spending, a: Spending) -> float | None:
    """None where an arm has no right answer, or costs nothing."""
    means = [float(np.nanmean(sample.means)) for sample in (b.cost, b.correct, a.cost, a.correct)]
    return means[0] / means[1] / (means[2] / means[3]) if min(means) > 0 and math.isfinite(sum(means)) else None


def _of_both(b: Spending, a: Spending, settings: Settings) -> Callable[[float], Limits] | None:
    """From the separate limits of both arms, each at half of the error (Bonferroni)."""
    of_b, of_a = _limits(b, settings), _limits(a, settings)
    if of_b is None or of_a is None:
        return None

    def limits(level: float) -> Limits:
        (b_low, b_high), (a_low, a_high) = of_b((1 + level) / 2), of_a((1 + level) / 2)
        lower = b_low / a_high if b_low is not None and a_high else None
        return lower, (b_high / a_low if b_high is not None and a_low else None)

    return limits


def _joint(columns: Floats, cluster: Ints, settings: Settings) -> Callable[[float], Limits] | None:
    """Limits of the ratio from draws of whole clusters with both arms. ``columns``: (n, 4) as ``_SIGNS`` has them.

    Linearised: u_i = sum_j sign_j x_ij / mean_j, the error of the log ratio is that of mean(u); so it is in each draw,
    where the sum of squares of the cluster totals of u is one of products of the columns' totals. None without spread.
    Source: Cochran 1977, section 6.4, as in ``studentised_log_ratios`` with two columns.
    """
    x = columns / columns.mean(axis=0)
    u = without_noise(x @ _SIGNS, np.abs(x).sum(axis=1))
    variance = cluster_variance(u, cluster)
    if variance == 0:
        return None
    index, n_groups = groups(cluster)
    totals = np.column_stack([sums_by(index, column, n_groups) for column in x.T])
    pairs = list(combinations_with_replacement(range(4), 2))
    products = np.column_stack([totals[:, j] * totals[:, k] for j, k in pairs])
    drawn = resampled_sums(np.hstack([totals, products]), settings)
    sums = np.maximum(drawn[:, :4], 1e-9)
    shift = np.log(sums) @ _SIGNS
    weights = np.array([_SIGNS[j] * _SIGNS[k] * (1 if j == k else 2) for j, k in pairs])
    scaled = np.column_stack([sums[:, j] * sums[:, k] for j, k in pairs])
    squares = np.maximum(0.0, (drawn[:, 4:] / scaled) @ weights)
    fit = Studentised(
        point=float(np.log(columns.mean(axis=0)) @ _SIGNS),
        standard_error=math.sqrt(variance),
        draws=studentised(without_noise(shift, 1.0), np.sqrt(n_groups / (n_groups - 1) * squares)),
        n_clusters=n_groups,
    )
    return lambda level: exponentiated(fit.interval(level))
