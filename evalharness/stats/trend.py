"""Does it rise step by step? A trend over ordered arms, and the closest line that never falls.

A significant trend is not monotonicity: report the single steps beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import CHUNK, NO_SPREAD, SMALLEST_P, sign_flip
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

PERMUTED_UP_TO = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    estimate: Estimate
    p_value: float
    p_method: str
    smallest_p: float


def slope_per_step(
    means: Floats, cluster: Ints, settings: Settings, *, positions: Floats | None = None, unit: str = "share"
) -> Trend | None:
    """Mean over cases of each case's least-squares slope along the ordered columns of ``means`` (n, levels; NaN).

    ``positions`` are declared budgets; without them the levels are 0, 1, 2, ... so that the slope is per step. Only
    cases with every level count. t limits with G - 1 degrees of freedom, None with one cluster or equal slopes; p by
    sign flips. None below two levels, or where no case has every level.
    """
    x = np.arange(means.shape[1], dtype=float) if positions is None else np.asarray(positions, float)
    complete = ~np.isnan(means).any(axis=1)
    if len(x) < 2 or np.ptp(x) == 0 or not complete.any():
        return None
    centred = x - x.mean()
    rows, at = means[complete], cluster[complete]
    slopes = without_noise((rows * centred).sum(axis=1) / np.square(centred).sum(), np.abs(rows).max(axis=1))
    n_groups = groups(at)[1]
    variance, point = cluster_variance(slopes, at), float(slopes.mean())
    half = t_quantile(settings.level, n_groups - 1) * float(np.sqrt(variance)) if variance > 0 else None
    flips = sign_flip(cluster_totals(slopes, at), settings)
    return Trend(
        estimate=Estimate(
            point=point,
            lower=None if half is None else point - half,
            upper=None if half is None else point + half,
            method="t on case slopes" if half is not None else NO_SPREAD,
            n=len(slopes),
            unit=unit,
            level=settings.level,
            n_clusters=n_groups,
        ),
        p_value=flips.p_value,
        p_method=flips.method,
        smallest_p=flips.smallest_p,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedRanks:
    """Page's test. ``statistic`` is L; ``p_value`` is one-sided: the columns rise in their order."""

    statistic: float
    p_value: float
    n_cases: int
    method: str


def page(values: Floats, settings: Settings) -> OrderedRanks | None:
    """Page's L on ``values`` (n cases, k ordered arms): ranks within the case, permuted within the case for p.

    +inf ranks last; ties share their rank; cases with a NaN are left out. Random permutations to 50 cases, beyond
    that the normal limit with the exact permutation variance. None below 3 arms, without a case or where all tie.
    Source: Page 1963, JASA 58:216.
    """
    rows = values[~np.isnan(values).any(axis=1)]
    n, k = rows.shape
    if n == 0 or k < 3:
        return None
    ranks = _midranks(rows)
    order = np.arange(1, k + 1, dtype=float)
    statistic = float((ranks @ order).sum())
    variance = float(((ranks - (k + 1) / 2) ** 2).sum() * ((order - (k + 1) / 2) ** 2).sum() / (k - 1))
    if variance == 0:
        return None
    if n > PERMUTED_UP_TO:
        expected = n * k * (k + 1) ** 2 / 4
        p, method = float(special.ndtr((expected - statistic) / np.sqrt(variance))), "Page's L, normal limit"
        return OrderedRanks(statistic=statistic, p_value=max(p, SMALLEST_P), n_cases=n, method=method)
    hits = _permuted_hits(ranks, order, statistic, settings)
    p, method = (hits + 1) / (settings.n_resamples + 1), f"Page's L, {settings.n_resamples:,} permutations"
    return OrderedRanks(statistic=statistic, p_value=p, n_cases=n, method=method)


def _permuted_hits(ranks: Floats, order: Floats, statistic: float, settings: Settings) -> int:
    rng = np.random.default_rng(settings.seed)
    hits = 0
    for start in range(0, settings.n_resamples, CHUNK):
        size = min(CHUNK, settings.n_resamples - start)
        drawn = rng.permuted(np.broadcast_to(ranks, (size, *ranks.shape)), axis=2)
        hits += int(((drawn @ order).sum(axis=1) >= statistic - 1e-9).sum())
    return hits


def _midranks(rows: Floats) -> Floats:
    below = (rows[:, None, :] < rows[:, :, None]).sum(axis=2)
    tied = (rows[:, None, :] == rows[:, :, None]).sum(axis=2)
    ranks: Floats = below + (tied + 1) / 2
    return ranks


def rising_fit(means: Floats, weights: Floats | None = None) -> Floats:
    """The closest line (weighted least squares) that never falls. Source: pool adjacent violators, Ayer et al. 1955."""
    blocks: list[tuple[float, float, int]] = []
    for mean, weight in zip(means, np.ones_like(means) if weights is None else weights, strict=True):
        block = (float(mean), float(weight), 1)
        while blocks and blocks[-1][0] >= block[0]:
            level, mass, length = blocks.pop()
            total = mass + block[1]
            block = ((level * mass + block[0] * block[1]) / total, total, length + block[2])
        blocks.append(block)
    return np.repeat([level for level, _, _ in blocks], [length for _, _, length in blocks])


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
