"""Do values rise with effort when each arm had other cases? Jonckheere's test, and the trend of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, SMALLEST_P
from evalharness.stats.one_arm import effective_share
from evalharness.stats.ordered import OrderedTest, normal_p
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import Floats, Ints, Sample, Settings, correlation, groups, require_scores, sums_by

#: Independent units without ties up to which the null distribution of J is counted.
EXACT_UNITS = 50


def jonckheere_trend(arms: Sequence[Sample], settings: Settings) -> OrderedTest | None:
    """Jonckheere's J of arms on different cases, lowest level first: pairs of units in which the higher level is more.

    The unit is the cluster, with the mean of its case means; +inf is the highest value, ties count half. Exact up to
    50 units without ties, else normal with the variance for ties and a continuity correction. The effect is J over
    all pairs (0.5: no order), with limits from its structural components on the log odds. Arms without a value are
    left out. None below two arms or three units, or where all units are tied.
    Source: Jonckheere 1954; Hollander, Wolfe and Chicken 2014, section 6.2; DeLong, DeLong and Clarke-Pearson 1988.
    """
    units = [values for values in (_unit_means(arm) for arm in arms) if len(values)]
    sizes = np.array([len(values) for values in units])
    pooled = np.concatenate(units) if units else np.empty(0)
    ties = np.unique(pooled, return_counts=True)[1]
    if len(units) < 2 or len(pooled) < 3 or len(ties) < 2:
        return None
    components = _ordered_pairs(units)
    j = float(sum(part.sum() for part in components)) / 2
    n_pairs = (len(pooled) ** 2 - float(np.square(sizes).sum())) / 2
    exact = len(pooled) <= EXACT_UNITS and len(ties) == len(pooled)
    excess = abs(j - n_pairs / 2)
    p = _exact_j(sizes, excess) if exact else normal_p(excess, _variance_of_j(sizes, ties))
    variance = sum(len(part) * part.var(ddof=1) for part in components if len(part) > 1) / n_pairs**2
    limits = _log_odds_limits(j / n_pairs, float(variance), len(pooled) - len(units), settings.level)
    return OrderedTest(
        estimate=Estimate(
            point=j / n_pairs,
            lower=limits[0],
            upper=limits[1],
            method="structural components, log odds" if limits[0] is not None else NO_SPREAD,
            n=sum(int(arm.scored.sum()) for arm in arms),
            unit="share",
            level=settings.level,
            n_trials=sum(int(arm.trials.sum()) for arm in arms),
            n_clusters=len(pooled),
        ),
        statistic=j,
        p_value=max(SMALLEST_P, p),
        p_method="Jonckheere's J, " + ("exact" if exact else "normal"),
    )


def _unit_means(arm: Sample) -> Floats:
    """(clusters with a value) the mean of the case means of each."""
    index, n_groups = groups(arm.cluster[arm.scored])
    return sums_by(index, arm.means[arm.scored], n_groups) / sums_by(index, np.ones(len(index)), n_groups)


def _ordered_pairs(units: Sequence[Floats]) -> list[Floats]:
    """Per arm and unit the number of pairs with units of other arms that are in order, ties half."""
    ranked = [np.sort(values) for values in units]
    parts = []
    for level, values in enumerate(units):
        part = np.zeros(len(values))
        for other, rival in enumerate(ranked):
            if other == level:
                continue
            below = (np.searchsorted(rival, values, "left") + np.searchsorted(rival, values, "right")) / 2
            part += below if other < level else len(rival) - below
        parts.append(part)
    return parts


def _exact_j(sizes: Ints, excess: float) -> float:
    """P(|J - mean| >= ``excess``) when every allocation of distinct values to arms is as likely.

    Numbers of allocations by J are the coefficients of the q-multinomial, counted in whole numbers.
    """
    n_units = int(sizes.sum())
    top = (n_units**2 - int(np.square(sizes).sum())) // 2
    counts = [1] + [0] * top
    for factor in range(1, n_units + 1):
        for at in range(top, factor - 1, -1):
            counts[at] -= counts[at - factor]
    for factor in (factor for size in sizes.tolist() for factor in range(1, size + 1)):
        for at in range(factor, top + 1):
            counts[at] += counts[at - factor]
    away = sum(count for at, count in enumerate(counts) if abs(at - top / 2) >= excess - 1e-9)
    return away / sum(counts)


def _variance_of_j(sizes: Ints, ties: Ints) -> float:
    """Source: Hollander, Wolfe and Chicken 2014, equation 6.19."""
    n = float(sizes.sum())

    def whole(x: Ints) -> float:
        return float((x * (x - 1.0) * (2.0 * x + 5)).sum())

    def pairs(x: Ints) -> float:
        return float((x * (x - 1.0)).sum())

    def triples(x: Ints) -> float:
        return float((x * (x - 1.0) * (x - 2)).sum())

    return (
        (n * (n - 1) * (2 * n + 5) - whole(sizes) - whole(ties)) / 72
        + triples(sizes) * triples(ties) / (36 * n * (n - 1) * (n - 2))
        + pairs(sizes) * pairs(ties) / (8 * n * (n - 1))
    )


def _log_odds_limits(share: float, variance: float, df: int, level: float) -> tuple[float | None, float | None]:
    if variance <= 0 or df < 1 or not 0 < share < 1:
        return None, None
    half = t_quantile(level, df) * math.sqrt(variance) / (share * (1 - share))
    log_odds = math.log(share / (1 - share))
    return float(special.expit(log_odds - half)), float(special.expit(log_odds + half))


def share_trend(arms: Sequence[Sample], settings: Settings, *, unit: str = "share") -> OrderedTest | None:
    """The slope per level of mean scores in [0, 1] of arms on different cases, lowest level first.

    One 0/1 trial per unit: the Cochran-Armitage test. Otherwise the same statistic on cluster means with its
    permutation variance (Mantel). The effect is the least-squares slope of the arms' means, its limits those of the
    arms squared and added. Arms without a score are left out and the others stay one step apart. None below two.
    Source: Armitage 1955; Mantel 1963, JASA 58:690; Zou and Donner 2008, Statistics in Medicine 27:1693 (limits).
    """
    for arm in arms:
        require_scores(arm)
    shares = [(arm, share) for arm in arms if (share := effective_share(arm, settings)) is not None]
    if len(shares) < 2:
        return None
    levels = np.arange(len(shares)) - (len(shares) - 1) / 2
    slopes = levels / np.square(levels).sum()
    values = [_unit_means(arm) for arm, _ in shares]
    single = all(share.plain for _, share in shares)
    z = _linear_z(values, binary=single)
    points = np.array([share.share for _, share in shares])
    limits = np.array([share.interval(settings) for _, share in shares])
    point = float(slopes @ points)
    down = np.where(slopes > 0, points - limits[:, 0], limits[:, 1] - points)
    up = np.where(slopes > 0, limits[:, 1] - points, points - limits[:, 0])
    steepest = float(slopes[slopes > 0].sum())
    return OrderedTest(
        estimate=Estimate(
            point=point,
            lower=max(-steepest, point - float(np.linalg.norm(slopes * down))),
            upper=min(steepest, point + float(np.linalg.norm(slopes * up))),
            method="limits of the arms, squared and added",
            n=sum(int(arm.scored.sum()) for arm, _ in shares),
            unit=unit,
            level=settings.level,
            n_trials=sum(int(arm.trials.sum()) for arm, _ in shares),
            n_clusters=sum(len(part) for part in values),
        ),
        statistic=z,
        p_value=max(SMALLEST_P, 2 * float(special.ndtr(-abs(z)))),
        p_method="Cochran-Armitage" if single else "linear trend of cluster means, permutation variance",
    )


def _linear_z(values: Sequence[Floats], *, binary: bool) -> float:
    """r sqrt(N) for 0/1 values, r sqrt(N - 1) for others; 0 where nothing varies."""
    level = np.repeat(np.arange(len(values), dtype=float), [len(part) for part in values])
    r = correlation(level, np.concatenate(values))
    return 0.0 if r is None else r * math.sqrt(len(level) if binary else len(level) - 1)
