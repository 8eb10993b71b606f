"""Quantiles of trials in each draw of whole clusters, failed trials (+inf) in their rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.stats.quantiles import SLACK, effective_trials, ordered
from evalharness.stats.sample import Floats, Ints, Mask, Sample, Settings, groups, sums_by

#: Weights cumulated at once, 8 bytes each.
CHUNK = 1_000_000
#: Standard errors around a quantile inside which nearly all draws have theirs; the others are weighed whole.
REACH = 4.5


def quantile_draws(sample: Sample, qs: Sequence[float], settings: Settings) -> Floats | None:
    """(B, quantiles): the order statistic at each of ``qs`` in B draws, cases weighing equally as in ``ordered``.

    A draw without a measured trial is NaN; +inf is a quantile among the failed. None where nothing was measured.
    Draws of the same settings are the same clusters for every sample on the same cases, so columns of two arms pair.
    """
    order = ordered(sample)
    if order is None:
        return None
    trials = _sorted_trials(sample)
    windows = [_window(trials, q, _half(sample, order.at(q), q, settings)) for q in qs]
    befores = [sums_by(trials.cluster[: own.start], trials.weights[: own.start], trials.n_clusters) for own in windows]
    sizes = sums_by(trials.cluster, trials.weights, trials.n_clusters)
    totals, *bases = settings.draws.sums(settings.seed, settings.n_resamples, np.column_stack([sizes, *befores])).T
    return np.column_stack(
        [_at(trials, q, totals, window, base, settings) for q, window, base in zip(qs, windows, bases, strict=True)]
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trials:
    """Measured trials in rising order: value, weight (cases equal), cluster 0..G-1 of the plan."""

    values: Floats
    weights: Floats
    cluster: Ints
    n_clusters: int


def _sorted_trials(sample: Sample) -> _Trials:
    here = np.flatnonzero(~np.isnan(sample.values))
    # By cluster within ties: the order of the cases of a plan must not change the last bits of a sum.
    index, n_clusters = groups(sample.cluster)
    order = here[np.lexsort((index[sample.case[here]], sample.values[here]))]
    case = sample.case[order]
    return _Trials(
        values=sample.values[order], weights=1 / sample.trials[case], cluster=index[case], n_clusters=n_clusters
    )


def _half(sample: Sample, at: float, q: float, settings: Settings) -> float:
    """Of the draws, which are of clusters alone: what blocks of time add to a variance moves none of them."""
    n_effective = effective_trials(replace(sample, block=None), at, settings.level)
    return REACH * math.sqrt(q * (1 - q) / n_effective) + 1 / n_effective


def _window(trials: _Trials, q: float, half: float) -> slice:
    """The trials within ``half`` of ``q`` in the order."""
    shares = np.cumsum(trials.weights)
    start, end = np.searchsorted(shares, np.array([q - half, q + half]) * shares[-1])
    return slice(int(start), min(int(end) + 1, len(shares)))


def _at(trials: _Trials, q: float, totals: Floats, window: slice, base: Floats, settings: Settings) -> Floats:
    """(B) the smallest value that a share ``q`` of a draw's weight does not exceed.

    Only the trials of a window are weighed one by one, those before it as a sum, ``base`` (B); of draws that have their
    quantile outside all are.
    """
    wanted = q * totals - SLACK * totals
    place, inside = _places(trials, window, base, wanted, settings, np.ones(len(totals), dtype=np.bool_))
    if not inside.all():
        everything, nothing = slice(0, len(trials.values)), np.zeros(len(totals))
        place = np.where(inside, place, _places(trials, everything, nothing, wanted, settings, ~inside)[0])
    return np.where(totals > 0, trials.values[np.minimum(place, len(trials.values) - 1)], np.nan)


def _places(
    trials: _Trials, window: slice, base: Floats, wanted: Floats, settings: Settings, draws: Mask
) -> tuple[Ints, Mask]:
    """(B) place of the quantile among the sorted trials, and whether it lies inside ``window``; of ``draws`` alone."""
    cluster, weights = trials.cluster[window], trials.weights[window]
    rows_at_once = max(1, CHUNK // len(cluster))
    place, ended = np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    done = 0
    for block in settings.draws.counts(settings.seed, settings.n_resamples, trials.n_clusters):
        sought = np.flatnonzero(draws[done : done + len(block)])
        for start in range(0, len(sought), rows_at_once):
            rows = sought[start : start + rows_at_once]
            here = done + rows
            reached = base[here, None] + np.cumsum(block[rows][:, cluster] * weights, axis=1) >= wanted[here, None]
            place[here] = window.start + reached.argmax(axis=1)
            ended[here] = reached[:, -1]
        done += len(block)
    begun = (base < wanted) | (window.start == 0)
    return place, begun & ended
