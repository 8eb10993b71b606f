"""Quantiles of trials in each draw of whole clusters, failed trials (+inf) in their rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.stats.draws import sums_over
from evalharness.stats.quantiles import SLACK, effective_trials, ordered
from evalharness.stats.sample import Floats, Ints, Mask, Sample, Settings, groups, sums_by

#: Weights cumulated at once, 8 bytes each.
CHUNK = 1_000_000
#: Standard errors around a quantile inside which nearly all draws have theirs; draws outside cost a second look.
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
    sizes = sums_by(trials.cluster, trials.weights, trials.n_clusters)
    draws = settings.draws
    totals = sums_over(draws.counts(settings.seed, settings.n_resamples, trials.n_clusters), sizes[:, None])[:, 0]
    columns = []
    for q in qs:
        n_effective = effective_trials(sample, order.at(q), settings.level)
        half = REACH * math.sqrt(q * (1 - q) / n_effective) + 1 / n_effective
        columns.append(_at(trials, q, half, totals, settings))
    return np.column_stack(columns)


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


def _at(trials: _Trials, q: float, half: float, totals: Floats, settings: Settings) -> Floats:
    """(B) the smallest value that a share ``q`` of a draw's weight does not exceed.

    Only trials within ``half`` of ``q`` in the order are weighed one by one, those before them as a sum; the window
    doubles until every draw has its quantile inside.
    """
    shares = np.cumsum(trials.weights) / trials.weights.sum()
    wanted = q * totals - SLACK * totals
    while True:
        start, end = np.searchsorted(shares, (q - half, q + half))
        end = min(int(end) + 1, len(shares))
        place, inside = _places(trials, slice(int(start), end), wanted, settings)
        if inside.all() or (start == 0 and end == len(shares)):
            break
        half *= 2
    return np.where(totals > 0, trials.values[np.minimum(place, len(shares) - 1)], np.nan)


def _places(trials: _Trials, window: slice, wanted: Floats, settings: Settings) -> tuple[Ints, Mask]:
    """(B) place of the quantile among the sorted trials, and whether it lies inside ``window``."""
    before = sums_by(trials.cluster[: window.start], trials.weights[: window.start], trials.n_clusters)
    counts = settings.draws.counts
    base = sums_over(counts(settings.seed, settings.n_resamples, trials.n_clusters), before[:, None])[:, 0]
    cluster, weights = trials.cluster[window], trials.weights[window]
    rows_at_once = max(1, CHUNK // len(cluster))
    place, done = np.empty(len(wanted), dtype=np.int64), 0
    ended = np.empty(len(wanted), dtype=np.bool_)
    for block in counts(settings.seed, settings.n_resamples, trials.n_clusters):
        for start in range(0, len(block), rows_at_once):
            rows = block[start : start + rows_at_once, :][:, cluster]
            here = slice(done, done + len(rows))
            reached = base[here, None] + np.cumsum(rows * weights, axis=1) >= wanted[here, None]
            place[here] = window.start + reached.argmax(axis=1)
            ended[here] = reached[:, -1]
            done += len(rows)
    begun = (base < wanted) | (window.start == 0)
    return place, begun & ended
