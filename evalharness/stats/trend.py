"""Does it rise step by step? The slope of scores over ordered arms, and rank correlation.

A significant trend is not monotonicity: report the single steps beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, SMALLEST_P, sign_flip
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import (
    Floats,
    Ints,
    Settings,
    cluster_totals,
    cluster_variance,
    correlation,
    groups,
    without_noise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    estimate: Estimate
    p_value: float
    p_method: str


def slope_per_step(means: Floats, cluster: Ints, settings: Settings, *, unit: str = "share") -> Slope | None:
    """Mean over cases of each case's least-squares slope along the ordered columns of ``means`` (n, levels; NaN).

    The levels are 0, 1, 2, ..., the values scores in [0, 1]. Only cases with every level count. t limits with G - 1
    degrees of freedom, held at the steepest slope that scores can have, None with one cluster or equal slopes; p by
    sign flips. None below two levels, or where no case has every level.
    """
    x = np.arange(means.shape[1], dtype=float)
    complete = ~np.isnan(means).any(axis=1)
    if len(x) < 2 or not complete.any():
        return None
    centred = x - x.mean()
    rows, at = means[complete], cluster[complete]
    slopes = without_noise((rows * centred).sum(axis=1) / np.square(centred).sum(), np.abs(rows).max(axis=1))
    n_groups = groups(at)[1]
    variance, point = cluster_variance(slopes, at), float(slopes.mean())
    half = t_quantile(settings.level, n_groups - 1) * float(np.sqrt(variance)) if variance > 0 else None
    steepest = float(np.abs(centred).sum() / 2 / np.square(centred).sum())
    flips = sign_flip(cluster_totals(slopes, at), settings)
    return Slope(
        estimate=Estimate(
            point=point,
            lower=None if half is None else max(-steepest, point - half),
            upper=None if half is None else min(steepest, point + half),
            method="t on case slopes" if half is not None else NO_SPREAD,
            n=len(slopes),
            unit=unit,
            level=settings.level,
            n_clusters=n_groups,
        ),
        p_value=flips.p_value,
        p_method=flips.method,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Spearman's rank correlation with its two-sided p (t approximation)."""

    rho: float
    p_value: float


def spearman(x: Floats, y: Floats) -> Association | None:
    """None below 4 points or where either is constant. Source: Spearman 1904; t with n - 2 degrees of freedom."""
    rho = correlation(_midranks_of(x), _midranks_of(y)) if len(x) > 3 else None
    if rho is None:
        return None
    df = len(x) - 2
    t = abs(rho) * np.sqrt(df / max(1e-300, 1 - rho * rho))
    return Association(rho=rho, p_value=max(SMALLEST_P, 2 * float(special.stdtr(df, -t))))


def _midranks_of(x: Floats) -> Floats:
    _, index, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[index]
