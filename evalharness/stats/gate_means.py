"""Evidence for gates on what adds up, money and tokens: one arm's mean, and the ratio of two arms' means."""

from __future__ import annotations

import math

import numpy as np

from evalharness.stats.evidence import LEVEL, Evidence, Gap, Inverted, Limits, Showing, nothing, unlimited
from evalharness.stats.gate_parts import (
    excess_of,
    exponentiated,
    gap_of_interval,
    limits_of,
    n_independent,
    of_one_value,
    parts_of,
    ratio_evidence,
)
from evalharness.stats.mean_ratios import log_ratio, ratio_of_means
from evalharness.stats.means import estimate_mean, limits_of_mean, studentised_mean
from evalharness.stats.sample import Sample, Settings, cluster_variance, filled, groups, with_level


def mean_evidence(
    sample: Sample, settings: Settings, *, unit: str, missing: tuple[float, float] = (0.0, math.inf)
) -> Evidence:
    """The mean of money or tokens. ``missing``: what one missing value can lie between.

    Where that is not limited above, no gate on a mean passes while a value is missing. The mean of times that never
    ended (+inf) does not exist, and shows nothing.
    """
    low, high = missing
    extremes: tuple[Showing, ...] = ()
    if sample.n_missing:
        anything = unlimited(above=True, n_clusters=n_independent(sample))
        worst = _mean(filled(sample, high), settings, unit) if math.isfinite(high) else anything
        extremes = (worst, _mean(filled(sample, low), settings, unit))
    observed = _mean(sample, settings, unit)
    return Evidence(
        observed=observed,
        extremes=extremes,
        n_missing=sample.n_missing,
        gap=lambda limit: _mean_gap(sample, limit, limits_of(observed.estimate)),
    )


def _mean(sample: Sample, settings: Settings, unit: str) -> Showing:
    n_clusters = n_independent(sample)
    if not sample.scored.any() or np.isinf(sample.values).any():
        return nothing(n_clusters)
    estimate = estimate_mean(sample, with_level(settings, LEVEL), unit=unit)
    assert estimate is not None  # something was measured
    fit = studentised_mean(sample.means, sample.cluster, settings)
    if fit is None:
        return of_one_value(estimate, n_clusters)
    return Showing(
        estimate=estimate,
        p_value=Inverted(limits=limits_of_mean(fit, sample.means, settings), least_p=1 / (settings.n_resamples + 1)),
        n_clusters=n_clusters,
    )


def _mean_gap(sample: Sample, limit: float, limits: Limits) -> Gap | None:
    means, cluster = sample.means[sample.scored], sample.cluster[sample.scored]
    if groups(cluster)[1] < 2 or not np.isfinite(means).all():
        return None
    variance = cluster_variance(means, cluster) * len(means)
    parts = parts_of(variance, [sample], "population")
    if parts is None:
        return None
    point, error = float(means.mean()), math.sqrt(variance / len(means))
    return parts.gap(point, limit, variance, excess_of(point, limits[limit > point], error))


def mean_ratio_evidence(
    candidate: Sample, baseline: Sample, settings: Settings, *, missing: tuple[float, float] = (0.0, math.inf)
) -> Evidence:
    """The ratio of mean costs or tokens. ``missing`` as in ``mean_evidence``."""

    def show(candidate: Sample, baseline: Sample) -> Showing:
        return _mean_ratio(candidate, baseline, settings)

    observed = show(candidate, baseline).estimate

    def gap(limit: float) -> Gap | None:
        return None if observed is None else gap_of_interval(observed, limit)

    return ratio_evidence((candidate, baseline), show, missing=missing, gap=gap)


def _mean_ratio(candidate: Sample, baseline: Sample, settings: Settings) -> Showing:
    n_clusters = n_independent(candidate, baseline)
    endless = [bool(np.isinf(arm.values).any()) for arm in (candidate, baseline)]
    if any(endless):  # a missing value that could be anything
        return nothing(n_clusters) if all(endless) else unlimited(above=endless[0], n_clusters=n_clusters)
    found = ratio_of_means(candidate, baseline, with_level(settings, LEVEL))
    if found is None:
        return nothing(n_clusters)
    fit = log_ratio(candidate.means, baseline.means, candidate.cluster, settings)
    if fit is None:
        return of_one_value(found.estimate, n_clusters)
    return Showing(
        estimate=found.estimate,
        p_value=Inverted(
            limits=lambda level: exponentiated(fit.interval(level)), least_p=1 / (settings.n_resamples + 1)
        ),
        n_clusters=n_clusters,
    )
