"""How many times as long does B take, or how much longer? Paired times that a few slow or failed calls cannot move."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import SMALLEST_P
from evalharness.stats.sample import Floats, Ints, Sample, Settings, groups, sample_of, without_noise

EXACT_UP_TO = 50
#: Pairwise means that are sorted at once, by the number of values.
FEW_MEANS = 4
#: The logarithm of the largest float; that of the smallest with all its digits is as far on the other side.
_LARGEST_LOG = math.log(sys.float_info.max)
_MEDIANS = {"case": "case medians", "trial": "medians of blocks of time"}
Side: TypeAlias = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRatio:
    """candidate / baseline. ``ties`` counts cases where both medians are +inf (both failed): they count as equal.

    ``slower`` and ``faster`` count cases whose median rose and fell.
    """

    estimate: Estimate
    p_value: float
    p_method: str
    smallest_p: float
    n_pairs: int
    ties: int
    slower: int
    faster: int


def ratio_of_times(candidate: Sample, baseline: Sample, settings: Settings) -> PairedRatio | None:
    """Hodges-Lehmann ratio of case medians: the median of all pairwise means of the cases' log ratios.

    A case that failed in one arm only is further out than every measured ratio. Limits and p come from the same
    signed-rank counts and always agree; a limit is None where too few cases give one (fewer than 6 at 95%) or where
    it lies among the failed. With clusters the unit is the cluster's median log ratio; so it is with blocks of time,
    where a "case" is a pair of trials that were sent about the same moment.
    None where no case is common, a time is 0, or the ratio itself lies among the failed or beyond what a float holds;
    a limit beyond that is None too.
    Source: Hodges and Lehmann 1963; Hollander, Wolfe and Chicken 2014, section 3.3 (limits by Tukey).
    """
    both = candidate.scored & baseline.scored
    b, a = candidate.medians[both], baseline.medians[both]
    if not both.any() or min(b.min(), a.min()) <= 0:
        return None
    log_ratios = _changes(np.log(b), np.log(a), 1.0)
    middle = _middle(log_ratios, candidate.cluster[both], settings.alpha)
    point = None if middle is None else _ratio(middle.point)
    if middle is None or point is None:
        return None
    n = len(middle.d)
    n_means = n * (n + 1) // 2
    not_above, not_below = _n_within(_reach(middle.d, 0.0)), n_means - _n_within(_reach(middle.d, 0.0, side="left"))
    p = min(1.0, 2 * _tail(n, min(not_above, not_below)))
    return PairedRatio(
        estimate=Estimate(
            point=point,
            lower=_ratio(middle.lower),
            upper=_ratio(middle.upper),
            method=f"Hodges-Lehmann ratio of {_MEDIANS[candidate.unit]}, signed-rank limits{middle.note}",
            n=int(both.sum()),
            unit="ratio",
            level=settings.level,
            n_trials=int(candidate.trials[both].sum() + baseline.trials[both].sum()),
            n_clusters=n,
        ),
        p_value=max(p, SMALLEST_P),
        p_method="Wilcoxon signed rank" + (", exact" if n <= EXACT_UP_TO else ""),
        smallest_p=min(1.0, max(2 * _tail(n, 0), SMALLEST_P)),
        n_pairs=int(both.sum()),
        ties=int((np.isinf(a) & np.isinf(b)).sum()),
        slower=int((log_ratios > 0).sum()),
        faster=int((log_ratios < 0).sum()),
    )


def _ratio(log: float | None) -> float | None:
    return None if log is None or abs(log) > _LARGEST_LOG else math.exp(log)


def difference_of_times(candidate: Sample, baseline: Sample, settings: Settings) -> Estimate | None:
    """How much longer a case takes, in milliseconds: Hodges-Lehmann difference of case medians.

    None and limits as in ``ratio_of_times``, but that a time may be 0. Source: as there.
    """
    both = candidate.scored & baseline.scored
    b, a = candidate.medians[both], baseline.medians[both]
    if not both.any():
        return None
    middle = _middle(_changes(b, a, np.fmax(b, a)), candidate.cluster[both], settings.alpha)
    if middle is None:
        return None
    return Estimate(
        point=middle.point,
        lower=middle.lower,
        upper=middle.upper,
        method=f"Hodges-Lehmann difference of {_MEDIANS[candidate.unit]}, signed-rank limits{middle.note}",
        n=int(both.sum()),
        unit="ms",
        level=settings.level,
        n_trials=int(candidate.trials[both].sum() + baseline.trials[both].sum()),
        n_clusters=len(middle.d),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Middle:
    """``d``: the sorted units, failures at finite stand-ins. ``note``: why a limit is missing."""

    d: Floats
    point: float
    lower: float | None
    upper: float | None
    note: str


def _middle(changes: Floats, cluster: Ints, alpha: float) -> _Middle | None:
    """The Hodges-Lehmann middle of ``changes`` (n cases, infinite where one arm failed); None among the failed."""
    # Failures get a finite stand-in, so that a failure of A and one of B cancel instead of making inf - inf.
    far = 4.0 * (1.0 + float(np.abs(changes[np.isfinite(changes)]).max(initial=0.0)))
    d = np.sort(_unit_medians(np.clip(changes, -4 * far, 4 * far), cluster))
    n_means = len(d) * (len(d) + 1) // 2
    point = (_walsh(d, (n_means + 1) // 2) + _walsh(d, n_means // 2 + 1)) / 2
    if abs(point) > far:
        return None
    lower, upper, note = _limits(d, far, alpha)
    point = float(without_noise(np.asarray(point), far))  # the bisection ends a last bit away from 0
    return _Middle(d=d, point=point, lower=lower, upper=upper, note=note)


def _limits(d: Floats, far: float, alpha: float) -> tuple[float | None, float | None, str]:
    cut = _rank_below(len(d), alpha / 2)
    if cut is None:
        return None, None, "; too few cases for limits"
    lower, upper = _walsh(d, cut + 1), _walsh(d, len(d) * (len(d) + 1) // 2 - cut)
    if math.isclose(lower, upper, abs_tol=1e-12):
        return None, None, "; no interval: no spread between independent cases"
    note = "" if max(-lower, upper) <= far else "; a limit lies among failed cases"
    return (lower if lower >= -far else None, upper if upper <= far else None, note)


def _changes(b: Floats, a: Floats, scale: Floats | float) -> Floats:
    """b - a but for rounding at ``scale``, 0 where both are +inf, +-inf where one is."""
    changes = np.zeros_like(b)
    changes[np.isinf(b) & np.isfinite(a)] = np.inf
    changes[np.isfinite(b) & np.isinf(a)] = -np.inf
    ended = np.isfinite(a) & np.isfinite(b)
    changes[ended] = without_noise(b[ended] - a[ended], np.broadcast_to(scale, b.shape)[ended])
    return changes


def _unit_medians(x: Floats, cluster: Ints) -> Floats:
    index, n_groups = groups(cluster)
    if n_groups == len(x):
        return x
    return sample_of(x, index, np.arange(n_groups)).medians


def _reach(d: Floats, at: float, *, side: Side = "right") -> Ints:
    """Per i, below which j the means (d_i + d_j)/2, i <= j, lie at or below ``at`` (``left``: below it); ``d`` is
    sorted."""
    return np.maximum(np.searchsorted(d, 2 * at - d, side=side), np.arange(len(d)))


def _n_within(reach: Ints) -> int:
    return int((reach - np.arange(len(reach))).sum())


def _walsh(d: Floats, k: int) -> float:
    """The k-th smallest of those means, by bisection: all n(n+1)/2 of them would not fit for 50,000 cases.

    It ends where so few are left that they can be sorted, or, where many are equal, at neighbouring numbers.
    """
    low, high = 2 * float(d[0]) - float(d[-1]) - 1e-9, float(d[-1])
    below, within = np.arange(len(d)), np.full(len(d), len(d))
    while _n_within(within) - _n_within(below) > FEW_MEANS * len(d) and low < (middle := (low + high) / 2) < high:
        reach = _reach(d, middle)
        if _n_within(reach) >= k:
            high, within = middle, reach
        else:
            low, below = middle, reach
    left = within - below
    if left.sum() > FEW_MEANS * len(d):
        return high
    i = np.repeat(np.arange(len(d)), left)
    j = np.arange(len(i)) - np.repeat(np.cumsum(left) - left, left) + np.repeat(below, left)
    place = k - _n_within(below) - 1
    return float(np.partition((d[i] + d[j]) / 2, place)[place])


def _tail(n: int, count: int) -> float:
    """P(T+ <= count) of the signed-rank sum under symmetry: exact to n = 50, then normal with continuity."""
    if n <= EXACT_UP_TO:
        return float(_signed_rank_cdf(n)[min(count, n * (n + 1) // 2)])
    mean, variance = n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24
    return float(special.ndtr((count + 0.5 - mean) / math.sqrt(variance)))


def _signed_rank_cdf(n: int) -> Floats:
    weights = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(len(weights) + rank)
        longer[: len(weights)] += weights / 2
        longer[rank:] += weights / 2
        weights = longer
    return np.cumsum(weights)


def _rank_below(n: int, tail: float) -> int | None:
    """The largest count with P(T+ <= count) <= ``tail``; None where even 0 is likelier than that."""
    low, high = -1, n * (n + 1) // 2
    while high - low > 1:
        middle = (low + high) // 2
        if _tail(n, middle) <= tail:
            low = middle
        else:
            high = middle
    return low if low >= 0 else None
