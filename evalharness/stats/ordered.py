"""Do times or tokens rise with effort? The rank test of an order of arms, and the line that never falls.

A trend over all arms is not monotonicity: report the single steps beside it. Scores of the same cases have a slope
per step (``trend``); arms on different cases have tests of their own (``ordered_unpaired``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, SMALLEST_P
from evalharness.stats.means import studentised_mean
from evalharness.stats.sample import Floats, Ints, Settings, groups, sums_by

#: All orders of so many arms are tried (5,040), of more the normal limit is taken.
EXACT_LEVELS = 7
#: Multiplications that an exact null distribution may cost: well below a tenth of a second.
EXACT_COST = 2e7
#: Half a step of L or J without ties; with ties their steps are smaller, and this is on the safe side.
CONTINUITY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedTest:
    """Two-sided p against no order of the arms, with an effect that is positive where values rise with the level.

    ``statistic`` is L, J or z as ``p_method`` names it.
    """

    estimate: Estimate
    statistic: float
    p_value: float
    p_method: str


def page_trend(rows: Floats, cluster: Ints, settings: Settings) -> OrderedTest | None:
    """Page's L of the ordered columns of ``rows`` (n cases, levels): cases with every level, ranked within the case.

    NaN is missing, +inf (never ended) the highest rank, ties have midranks. Null distribution: every order of a case's
    values is as likely; the cases of a cluster are reordered together. Exact by convolution where it is affordable,
    else normal with the permutation variance and a continuity correction. The effect is the mean over cases of the
    correlation of ranks with levels, -1 to 1, with studentised limits. None below three levels, without a complete
    case, or where all ranks are tied.
    Source: Page 1963, JASA 58:216; Hollander, Wolfe and Chicken 2014, section 7.2.
    """
    levels = rows.shape[1]
    complete = ~np.isnan(rows).any(axis=1)
    if levels < 3 or not complete.any():
        return None
    ranks, labels = _midranks(rows[complete]), cluster[complete]
    index, n_groups = groups(labels)
    sums = np.column_stack([sums_by(index, column, n_groups) for column in ranks.T])
    weights = np.arange(1.0, levels + 1)
    total = float((sums @ weights).sum())
    spreads = np.square(sums - sums.mean(axis=1, keepdims=True)).sum(axis=1)
    centre, spread = weights.mean(), float(np.square(weights - weights.mean()).sum())
    variance = spread * float(spreads.sum()) / (levels - 1)
    if variance == 0:
        return None
    excess = abs(total - float(sums.sum()) * centre)
    exact = _exact_tail(sums, excess)
    p = exact if exact is not None else normal_p(excess, variance)
    own = (ranks - ranks.mean(axis=1, keepdims=True)) @ (weights - centre) / spread
    of_plan = np.full(len(rows), np.nan)
    of_plan[complete] = own
    return OrderedTest(
        estimate=_mean_correlation(of_plan, cluster, settings),
        statistic=total,
        p_value=max(SMALLEST_P, p),
        p_method="Page's L, exact permutation" if exact is not None else "Page's L, normal",
    )


def _midranks(rows: Floats) -> Floats:
    """(n, levels) ranks 1 to levels within each row; ties share their mean rank."""
    below = (rows[:, None, :] < rows[:, :, None]).sum(axis=2)
    equal = (rows[:, None, :] == rows[:, :, None]).sum(axis=2)
    ranks: Floats = below + (equal + 1) / 2
    return ranks


def _exact_tail(sums: Floats, excess: float) -> float | None:
    """P(|L - mean| >= ``excess``) over all orders of each row of ``sums`` (G, levels); None where too costly.

    In half ranks L is whole, so that the distribution of a sum over rows is the convolution of theirs. It is
    symmetric: the levels are.
    """
    levels = sums.shape[1]
    if levels > EXACT_LEVELS:
        return None
    doubled = np.rint(2 * sums).astype(np.int64)
    kinds, counts = np.unique(np.sort(doubled, axis=1), axis=0, return_counts=True)
    weights = np.arange(1, levels + 1)
    ranges = (kinds @ weights - kinds @ weights[::-1]) + 1
    if len(kinds) * math.factorial(levels) > EXACT_COST or (counts @ ranges) * (counts @ ranges) > EXACT_COST:
        return None
    orders = np.array(list(permutations(weights)))
    chances = np.ones(1)
    for kind, count in zip(kinds, counts, strict=True):
        scores = orders @ kind
        own = np.bincount(scores - scores.min()) / len(orders)
        for _ in range(count):
            chances = np.convolve(chances, own)
    middle = (len(chances) - 1) / 2
    away = np.abs(np.arange(len(chances)) - middle)
    return min(1.0, float(chances[away >= 2 * excess - 1e-6].sum()))


def normal_p(excess: float, variance: float) -> float:
    """Two-sided p of a rank statistic that lies ``excess`` from its mean, with the continuity correction."""
    excess -= CONTINUITY
    return min(1.0, 2 * float(special.ndtr(-max(0.0, excess) / math.sqrt(variance))))


def _mean_correlation(own: Floats, cluster: Ints, settings: Settings) -> Estimate:
    seen = ~np.isnan(own)
    fit = studentised_mean(own, cluster, settings)
    limits = fit.interval(settings.level) if fit else (None, None)
    return Estimate(
        point=float(own[seen].mean()),
        lower=None if limits[0] is None else max(-1.0, limits[0]),
        upper=None if limits[1] is None else min(1.0, limits[1]),
        method="studentised cluster bootstrap" if fit else NO_SPREAD,
        n=int(seen.sum()),
        unit="rank correlation",
        level=settings.level,
        n_clusters=groups(cluster[seen])[1],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RisingLine:
    """``values`` per level never fall; ``pooled`` are the runs of levels (first, last) that had to be levelled out.

    ``explained_share`` of the weighted variance of the means that the line keeps: 1 where they never fall, None where
    they are all equal. It describes, and tests nothing.
    """

    values: tuple[float, ...]
    pooled: tuple[tuple[int, int], ...]
    explained_share: float | None


def rising_line(means: Floats, weights: Floats | None = None) -> RisingLine:
    """The least-squares line through ``means`` (levels) that never falls; negate the means for one that never rises.

    ``weights`` (levels, above 0): cases of each mean, equal where not given. Raises ``ValueError`` for NaN, infinity or
    no level. Source: Barlow, Bartholomew, Bremner and Brunk 1972 (pool adjacent violators).
    """
    if not len(means) or not np.isfinite(means).all():
        raise ValueError("a line needs a finite mean for every level; leave out levels without one")
    weights = np.ones(len(means)) if weights is None else weights
    blocks: list[tuple[int, int, float, float]] = []
    for at, (mean, weight) in enumerate(zip(means.tolist(), weights.tolist(), strict=True)):
        first = at
        while blocks and blocks[-1][2] > mean:
            first, _, before, others = blocks.pop()
            mean, weight = (before * others + mean * weight) / (others + weight), others + weight
        blocks.append((first, at, mean, weight))
    fitted = np.concatenate([np.full(last - first + 1, mean) for first, last, mean, _ in blocks])
    total = float((weights * np.square(means - np.average(means, weights=weights))).sum())
    lost = float((weights * np.square(means - fitted)).sum())
    return RisingLine(
        values=tuple(fitted.tolist()),
        pooled=tuple((first, last) for first, last, _, _ in blocks if last > first),
        explained_share=max(0.0, 1 - lost / total) if total > 0 else None,
    )
