"""What does it cost? Means of money and tokens.

Money adds up, so it has a mean and a total, never a median alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, Studentised, studentised_means
from evalharness.stats.evidence import Limits
from evalharness.stats.sample import (
    Floats,
    Ints,
    Sample,
    Settings,
    cluster_variance,
    groups,
    means_matrix,
    sums_by,
)
from evalharness.stats.skewed import positive_mean

#: What ``skewed`` adds to a method's name.
WIDENED = ", from 10 cases no narrower than for lognormal values"


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
    refuse_infinite(columns)
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


def refuse_infinite(means: Floats) -> None:
    """Raises ``ValueError`` where one is."""
    if np.isinf(means).any():
        raise ValueError("a mean of times that never ended does not exist; use stats.quantiles")
