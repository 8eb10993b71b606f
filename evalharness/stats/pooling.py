"""Several estimates of much the same thing: how much do they truly differ, and what does each take from the others?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.core.estimate import Estimate
from evalharness.stats.proportions import normal_quantile
from evalharness.stats.sample import Floats

#: The one-sided level of the limit of the true spread, from which shrunk intervals get their width.
LIMIT = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A normal distribution of true values: ``mean``, its squared standard error, the variance ``between`` them.

    ``between_limit``: its upper 80% limit.
    """

    mean: float
    mean_variance: float
    between: float
    between_limit: float

    def shrunk(self, estimate: Estimate) -> Estimate:
        """``estimate`` of a difference of shares, drawn towards the mean by v / (v + tau^2), v its own variance.

        The interval is +- z sqrt(mean squared error), with that error at the upper limit of tau^2 and that of the mean:
        were tau^2 taken for known, 95% intervals of 2 to 20 estimates would cover 83 to 97% of the time. It is never
        wider than by the whole move away from the estimate. Source: Efron and Morris 1975; in words of meta-analysis a
        best linear unbiased prediction, Raudenbush and Bryk 1985.
        """
        variance = variance_of(estimate)
        weight = variance / (variance + self.between)
        point = self.mean + (1 - weight) * (estimate.point - self.mean)
        error = (1 - weight) ** 2 * variance + weight**2 * (self.between_limit + self.mean_variance)
        error = min(error, variance + (point - estimate.point) ** 2)
        half = normal_quantile(estimate.level) * math.sqrt(error)
        return replace(
            estimate,
            point=point,
            lower=max(-1.0, point - half),
            upper=min(1.0, point + half),
            method="shrunk towards all, normal-normal, Paule-Mandel",
            n_effective=None,
        )


def pooled(estimates: Sequence[Estimate]) -> Pool:
    """Of at least two, taken as independent. Source: Paule and Mandel 1982; the limit: Viechtbauer 2007 (Q-profile)."""
    points = np.array([estimate.point for estimate in estimates])
    variances = np.array([variance_of(estimate) for estimate in estimates])
    df = len(points) - 1
    between = _between(points, variances, df)
    limit = _between(points, variances, float(special.chdtri(df, LIMIT)))
    weights = 1 / (variances + between)
    return Pool(
        mean=float((weights * points).sum() / weights.sum()),
        mean_variance=1 / float((1 / (variances + limit)).sum()),
        between=between,
        between_limit=limit,
    )


def variance_of(estimate: Estimate) -> float:
    """What a normal interval of that width would have for a variance: never 0, as no score interval is of no width."""
    assert estimate.lower is not None and estimate.upper is not None  # score limits
    return ((estimate.upper - estimate.lower) / (2 * normal_quantile(estimate.level))) ** 2


def cochran_q(points: Floats, variances: Floats) -> float:
    """Sum of squared distances to the weighted mean, each over its variance. Source: Cochran 1954."""
    weights = 1 / variances
    mean = (weights * points).sum() / weights.sum()
    return float((weights * np.square(points - mean)).sum())


def _between(points: Floats, variances: Floats, target: float) -> float:
    """The tau^2 at which Q with variances v + tau^2 is ``target``; 0 where it is not above that even at 0."""
    if cochran_q(points, variances) <= target:
        return 0.0
    low, high = 0.0, float(np.ptp(points)) ** 2
    while cochran_q(points, variances + high) > target:
        high *= 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if cochran_q(points, variances + middle) > target else (low, middle)
    return high
