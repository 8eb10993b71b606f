"""Several comparisons at once: adjusted p values, and intervals that hold together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, studentised_means
from evalharness.stats.paired import paired_differences, scaled_tango
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import Floats, Ints, Settings, balanced_sums, cluster_variance, groups, sums_by


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values that keep the family-wise error. Source: Holm 1979."""
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return tuple(adjusted.tolist())


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values that keep the false discovery rate. Source: Benjamini and Hochberg 1995."""
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")[::-1]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    # p * n / n may come out a last bit below p.
    return tuple(np.minimum(1.0, np.maximum(p, adjusted)).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Simultaneous:
    """Intervals of ``first - second`` for each pair of arms, that all hold at once with the level.

    ``estimates`` has None for a pair without a common case. ``critical`` is the factor used in place of z.
    """

    pairs: tuple[tuple[int, int], ...]
    estimates: tuple[Estimate | None, ...]
    critical: float


def simultaneous_differences(
    means: Floats,
    cluster: Ints,
    pairs: Sequence[tuple[int, int]],
    settings: Settings,
    *,
    unit: str = "share",
    bounded: bool = True,
) -> Simultaneous:
    """Joint intervals for the differences of columns of ``means`` (n cases, arms; NaN where an arm has no value).

    The critical value is the quantile of the largest |t| over the pairs in a cluster bootstrap that draws whole cases
    with all their arms, so that correlated comparisons cost little. It is never below the t quantile of a single
    comparison. ``bounded`` (scores in [0, 1]): scaled Tango limits at that value, which is then never above
    Bonferroni's either, because draws with hardly a flip have wild |t| that the score interval does not need; otherwise
    difference +- critical * error, None where a pair has no spread.
    Source: Romano and Wolf 2005; Westfall and Young 1993.
    """
    index, n_groups = groups(cluster)
    fits = [_fit(means[:, first], means[:, second], index, n_groups) for first, second in pairs]
    present = [fit for fit in fits if fit is not None]
    critical = _critical(present, settings, bounded=bounded)
    return Simultaneous(
        pairs=tuple(pairs),
        estimates=tuple(None if fit is None else _interval(fit, critical, settings, unit, bounded) for fit in fits),
        critical=critical,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """One pair: differences of its common cases and their cluster totals (G, all clusters of the plan)."""

    d: Floats
    variance: float
    totals: Floats
    sizes: Floats

    @property
    def point(self) -> float:
        return float(self.d.mean())

    @property
    def n_clusters(self) -> int:
        return int((self.sizes > 0).sum())


def _fit(first: Floats, second: Floats, index: Ints, n_groups: int) -> _Fit | None:
    common = ~np.isnan(first) & ~np.isnan(second)
    if not common.any():
        return None
    d, at = paired_differences(first[common], second[common]), index[common]
    return _Fit(
        d=d,
        variance=cluster_variance(d, at),
        totals=balanced_sums(at, d, n_groups),
        sizes=sums_by(at, np.ones_like(d), n_groups),
    )


def _critical(fits: Sequence[_Fit], settings: Settings, *, bounded: bool) -> float:
    """The quantile of max |t|, held between that of one comparison and (``bounded``) that of Bonferroni.

    Infinite where a pair has a single cluster. Bonferroni's where nothing moves: there is nothing to draw from.
    """
    df = min((fit.n_clusters for fit in fits), default=1) - 1
    if df < 1:
        return math.inf
    bonferroni = t_quantile(1 - settings.alpha / len(fits), df)
    moving = [fit for fit in fits if fit.variance > 0]
    if not moving:
        return bonferroni
    totals = np.column_stack([fit.totals - fit.point * fit.sizes for fit in moving])
    sizes = np.column_stack([fit.sizes for fit in moving])
    largest = np.abs(studentised_means(totals, sizes, settings)).max(axis=1)
    critical = float(np.quantile(largest, settings.level, method="inverted_cdf"))
    if bounded or not math.isfinite(critical):
        critical = min(critical, bonferroni)
    return max(critical, t_quantile(settings.level, df))


def _interval(fit: _Fit, critical: float, settings: Settings, unit: str, bounded: bool) -> Estimate:
    limits: tuple[float | None, float | None]
    if bounded:
        limits = _score_limits(fit, critical)
        method = "Tango score, scaled to the clusters, at the joint max-|t|"
    elif fit.variance > 0 and math.isfinite(critical):
        half = critical * float(np.sqrt(fit.variance))
        limits, method = (fit.point - half, fit.point + half), "joint max-|t| cluster bootstrap"
    else:
        limits, method = (None, None), NO_SPREAD
    return Estimate(
        point=fit.point,
        lower=limits[0],
        upper=limits[1],
        method=method,
        n=len(fit.d),
        unit=unit,
        level=settings.level,
        n_clusters=fit.n_clusters,
    )


def _score_limits(fit: _Fit, critical: float) -> tuple[float, float]:
    if fit.n_clusters < 2 or not math.isfinite(critical):
        return -1.0, 1.0
    up, down = float(fit.d[fit.d > 0].sum()), float(-fit.d[fit.d < 0].sum())
    return scaled_tango(up, down, float(np.square(fit.totals).sum()), len(fit.d), fit.n_clusters, critical)
