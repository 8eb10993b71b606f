"""Evidence for gates on scores in [0, 1]: one arm's mean, and the difference of two arms.

Every interval is the one that a report shows of the same quantity, at level 0.90, but for single 0/1 trials: both of
Wilson's and of Tango's limits together keep to their level, each by itself does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import SMALLEST_P
from evalharness.stats.evidence import (
    ALPHA,
    FEWEST_CLUSTERS,
    LEVEL,
    Claim,
    Evidence,
    Gap,
    Inverted,
    Limits,
    Showing,
    nothing,
)
from evalharness.stats.gate_parts import limits_of, n_independent, parts_of
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.paired import Difference, compare_scores, paired_differences, scaled_tango
from evalharness.stats.paired_bounds import MOST_PAIRS, Flips
from evalharness.stats.proportions import normal_quantile, t_quantile
from evalharness.stats.sample import (
    Floats,
    Ints,
    Sample,
    Settings,
    cluster_totals,
    cluster_variance,
    filled,
    groups,
    restricted,
    with_level,
)

# ---------------------------------------------------------------- one arm


def share_evidence(sample: Sample, settings: Settings) -> Evidence:
    """The mean of scores in [0, 1]. Single 0/1 trials get Clopper-Pearson limits, which are exact.

    At one-sided 95% Wilson's upper limit misses a share of 95% from 24 cases in 11.6% of runs, and one of 98% from 60
    in 11.9%: such a gate would fail an arm at its limit that often. Source: Cai 2005, JSPI 131:63.
    """
    extremes = tuple(_share(filled(sample, value), settings) for value in (0.0, 1.0)) if sample.n_missing else ()
    return Evidence(
        observed=_share(sample, settings),
        extremes=extremes,
        n_missing=sample.n_missing,
        gap=lambda limit: _share_gap(sample, limit, settings.scope),
    )


def _share(sample: Sample, settings: Settings) -> Showing:
    n_clusters = n_independent(sample)
    single = sample.is_binary and int(sample.trials.sum()) == n_clusters and settings.scope == "population"
    if single:
        settings = replace(settings, exact=True)

    def limits(level: float) -> Limits:
        return limits_of(estimate_share(sample, with_level(settings, level)))

    estimate = estimate_share(sample, with_level(settings, LEVEL))
    if estimate is None:
        return nothing(n_clusters)
    return Showing(
        estimate=estimate,
        p_value=Inverted(limits=limits),
        n_clusters=n_clusters,
        is_exact=lambda _: single,
    )


def _share_gap(sample: Sample, limit: float, scope: str) -> Gap | None:
    means, cluster = sample.means[sample.scored], sample.cluster[sample.scored]
    if groups(cluster)[1] < 2:
        return None
    point = float(means.mean())
    parts = parts_of(cluster_variance(means, cluster) * len(means), [sample], scope)
    if parts is None:
        return None
    # The score interval takes the variance that the limit would have, with the same effect of repeats and clusters.
    at_limit = limit * (1 - limit) * (parts.variance / (point * (1 - point)) if parts.variance > 0 else 1.0)
    return parts.gap(point, limit, max(0.0, at_limit))


# ---------------------------------------------------------------- two arms


def difference_evidence(
    candidate: Sample, baseline: Sample, settings: Settings, *, baseline_is_fixed: bool = False
) -> Evidence:
    """Candidate - baseline of mean scores in [0, 1], with ``compare_scores``; unpaired where no case is common. Single
    0/1 trials of up to 1,000 pairs have the bounds of ``paired_bounds``.

    Against a limit of 0 a claim needs the test of no difference too: McNemar's, or sign flips. ``baseline_is_fixed``
    (a file of an earlier run): more repeats would be the candidate's alone.
    """
    n_missing = candidate.n_missing + baseline.n_missing
    extremes: tuple[Showing, ...] = ()
    if n_missing:
        worst = _difference(filled(candidate, 0.0), filled(baseline, 1.0), settings)
        extremes = (worst, _difference(filled(candidate, 1.0), filled(baseline, 0.0), settings))
    growing = [candidate] if baseline_is_fixed else [candidate, baseline]
    return Evidence(
        observed=_difference(candidate, baseline, settings),
        extremes=extremes,
        n_missing=n_missing,
        gap=lambda limit: _difference_gap(candidate, baseline, growing, limit, settings.scope),
    )


def _difference(candidate: Sample, baseline: Sample, settings: Settings) -> Showing:
    n_clusters = n_independent(candidate, baseline)
    if n_clusters < FEWEST_CLUSTERS:
        settings = replace(settings, exact=True)
    found = compare_scores(candidate, baseline, with_level(settings, LEVEL))
    if found is None:
        return nothing(n_clusters)
    estimate, by_interval = _interval(found, candidate, baseline, settings)

    def p_value(claim: Claim) -> float:
        p = by_interval(claim)
        return max(p, _one_sided(found, claim)) if claim.limit == 0 else p

    return Showing(
        estimate=estimate,
        p_value=p_value,
        n_clusters=n_clusters,
        is_exact=lambda claim: claim.limit == 0 and found.p_method.endswith("exact"),
    )


def _interval(
    found: Difference, candidate: Sample, baseline: Sample, settings: Settings
) -> tuple[Estimate, Callable[[Claim], float]]:
    """The estimate with its one-sided bounds, and the p of a claim that goes with them."""
    if not found.p_method.startswith("McNemar") or found.n_pairs > MOST_PAIRS:
        return found.estimate, Inverted(limits=_limits(found, candidate, baseline, settings))
    flips = Flips(gained=found.gained, lost=found.lost, n=found.n_pairs)
    bounds = flips.bounds(ALPHA)
    estimate = replace(found.estimate, lower=bounds[0], upper=bounds[1], method="score bounds, each at its own error")
    return estimate, _Bounded(flips=flips, bounds=bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounded:
    """p of a claim, on the same side of ``ALPHA`` as the printed ``bounds``, which are found to 1e-6."""

    flips: Flips
    bounds: Limits

    def __call__(self, claim: Claim) -> float:
        p = self.flips.p_above(claim.limit) if claim.above else self.flips.p_below(claim.limit)
        return max(SMALLEST_P, min(p, ALPHA)) if claim.shown_by(self.bounds) else max(p, math.nextafter(ALPHA, 1))


def _limits(found: Difference, candidate: Sample, baseline: Sample, settings: Settings) -> Callable[[float], Limits]:
    """The interval of ``compare_scores`` at any level; of pairs without comparing them anew."""
    if found.design != "paired" or settings.scope == "suite":
        undrawn = replace(settings, n_resamples=1)  # of these only the interval is used

        def limits(level: float) -> Limits:
            again = compare_scores(candidate, baseline, with_level(undrawn, level))
            return limits_of(None if again is None else again.estimate)

        return limits
    d, cluster = _paired(candidate, baseline)
    totals = cluster_totals(d, cluster)
    up, down, squares = float(d[d > 0].sum()), float(-d[d < 0].sum()), float(np.square(totals).sum())
    of_single_trials = found.p_method.startswith("McNemar")

    def tango_limits(level: float) -> Limits:
        if len(totals) < 2:
            return -1.0, 1.0
        critical = normal_quantile(level) if of_single_trials else t_quantile(level, len(totals) - 1)
        return scaled_tango(up, down, squares, len(d), len(totals), critical)

    return tango_limits


def _paired(candidate: Sample, baseline: Sample) -> tuple[Floats, Ints]:
    both = candidate.scored & baseline.scored
    return paired_differences(candidate.means[both], baseline.means[both]), candidate.cluster[both]


def _one_sided(found: Difference, claim: Claim) -> float:
    """p of the test of no difference, as it speaks for a claim above or below 0."""
    if found.p_value is None:
        return 1.0
    speaks = found.estimate.point > 0 if claim.above else found.estimate.point < 0
    return found.p_value / 2 if speaks else 1.0


def _difference_gap(
    candidate: Sample, baseline: Sample, growing: Sequence[Sample], limit: float, scope: str
) -> Gap | None:
    """``growing``: the arms that more repeats would be of. None for different cases, whose numbers need not agree."""
    both = candidate.scored & baseline.scored
    cluster = candidate.cluster[both]
    if groups(cluster)[1] < 2:
        return None
    d, _ = _paired(candidate, baseline)
    variance = cluster_variance(d, cluster) * len(d)
    parts = parts_of(variance, [restricted(arm, both) for arm in growing], scope)
    if parts is None:
        return None
    # As in the scaled Tango interval: at the limit at least that share of the (effective) cases flips.
    moved = float(np.abs(d).sum())
    scale = float(np.square(cluster_totals(d, cluster)).sum()) / moved if moved else 1.0
    scale *= parts.variance / variance if variance else 1.0
    at_limit = max(0.0, scale * max(moved / len(d), abs(limit)) - limit**2)
    return parts.gap(float(d.mean()), limit, at_limit)
