"""What does a pilot say of how much a comparison will spread? Its variances, and limits for planning from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.stats.one_arm import effective_share
from evalharness.stats.paired import paired_differences
from evalharness.stats.planning import Spread
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import (
    Floats,
    Ints,
    Mask,
    Sample,
    Settings,
    cluster_variance,
    groups,
    require_scores,
    sample_of,
    sums_by,
)

#: A pilot is itself a sample: planning from its variances as they are would fall short every other time.
LIMIT = 0.8
#: The two-sided level whose upper end is that limit.
LEVEL = 2 * LIMIT - 1
#: Exact limits: those of Wilson would lie below the variance in 28% of pilots of 20 cases of which few change.
SETTINGS = Settings(seed=0, level=LEVEL, exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """Two arms of a pilot on the cases that both scored. Limits are one-sided, upper, 80%.

    ``variance`` of a case's measured difference. ``spread`` divides it into the cases' true differences (0 where it
    would be negative) and single trials; ``cautious`` holds the limits of the two. With one repeat nothing divides
    them: both are None. ``share``: mean score of both arms. ``cluster_correlation``: of the differences of two cases in
    one cluster; it and its limit are None without clusters of several cases, or without differences.
    ``right_or_wrong``: every trial scored 0 or 1.
    """

    variance: float
    variance_limit: float
    spread: Spread | None
    cautious: Spread | None
    share: float
    n_cases: int
    n_clusters: int
    cluster_correlation: float | None
    cluster_correlation_limit: float | None
    right_or_wrong: bool

    @property
    def planned(self) -> Spread:
        """What to plan with: the limits. With one repeat all of it counts as between cases, so that a plan promises
        nothing of repeats that the pilot has not shown."""
        spread = self.cautious or Spread(between=self.variance_limit, within=0.0)
        return replace(spread, right_or_wrong=self.right_or_wrong)


def pilot_of(candidate: Sample, baseline: Sample) -> Pilot | None:
    """Variance components of candidate - baseline; None below two independent cases in common.

    Raises ``ValueError`` for values outside [0, 1]. Source: Miller 2024, arXiv 2411.00640, section 5; planning with the
    upper 80% limit: Browne 1995, Statistics in Medicine 14:1933.
    """
    require_scores(candidate)
    require_scores(baseline)
    both = candidate.scored & baseline.scored
    cluster = candidate.cluster[both]
    n_cases, n_clusters = len(cluster), groups(cluster)[1]
    if n_clusters < 2:
        return None
    d = paired_differences(candidate.means[both], baseline.means[both])
    variance = float(d.var(ddof=1))
    limit = max(variance, (_upper_mean(d**2, cluster) - float(d.mean()) ** 2) * n_cases / (n_cases - 1))
    spread, cautious = _components(_Trials.of(candidate, both), _Trials.of(baseline, both), d, cluster, limit)
    correlation, correlation_limit = _cluster_correlation(d, cluster)
    return Pilot(
        variance=variance,
        variance_limit=limit,
        spread=spread,
        cautious=cautious,
        share=float((candidate.means[both].mean() + baseline.means[both].mean()) / 2),
        n_cases=n_cases,
        n_clusters=n_clusters,
        cluster_correlation=correlation,
        cluster_correlation_limit=correlation_limit,
        right_or_wrong=candidate.is_binary and baseline.is_binary,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trials:
    """One arm on the common cases: variance within each (NaN for a single trial) and number of trials."""

    variances: Floats
    trials: Floats

    @classmethod
    def of(cls, sample: Sample, cases: Mask) -> _Trials:
        return cls(variances=sample.variances[cases], trials=sample.trials[cases].astype(float))

    @property
    def noise(self) -> Floats:
        """(n) variance of each case's mean; a case of a single trial has the mean variance of the others."""
        within = np.where(np.isnan(self.variances), np.nanmean(self.variances), self.variances)
        return np.asarray(within / self.trials)


def _components(
    b: _Trials, a: _Trials, d: Floats, cluster: Ints, limit: float
) -> tuple[Spread, Spread] | tuple[None, None]:
    """omega^2 = var(d) - mean(sB_i^2/KB_i) - mean(sA_i^2/KA_i), not below 0, with its limit by the t distribution over
    cases, and sA^2 + sB^2 with that of a mean in [0, 1]. ``limit`` is that of var(d), beyond which omega^2 is not."""
    within = b.variances + a.variances
    known = ~np.isnan(within)
    if groups(cluster[known])[1] < 2:
        return None, None
    n = len(d)
    between = np.square(d - d.mean()) * (n / (n - 1)) - b.noise - a.noise
    error = math.sqrt(cluster_variance(between, cluster))
    reach = t_quantile(LEVEL, groups(cluster)[1] - 1) * error
    spread = Spread(between=max(0.0, float(between.mean())), within=float(within[known].mean()))
    return spread, Spread(
        between=min(limit, max(spread.between + reach, limit - float((b.noise + a.noise).mean())))
        if error > 0
        else limit,
        within=_upper_mean(within[known], cluster[known]),
    )


def _upper_mean(x: Floats, cluster: Ints) -> float:
    """The upper limit of the mean of values in [0, 1], such as squared differences; above 0 where all of them are 0."""
    score = effective_share(sample_of(np.clip(x, 0.0, 1.0), np.arange(len(x)), cluster), SETTINGS)
    assert score is not None  # there are cases
    return score.interval(SETTINGS)[1]


def _cluster_correlation(d: Floats, cluster: Ints) -> tuple[float, float] | tuple[None, None]:
    """Within [0, 1]. Source: Donner 1986 (analysis of variance); the limit: Searle 1971, section 9.8."""
    index, n_groups = groups(cluster)
    sizes = sums_by(index, np.ones_like(d), n_groups)
    n = len(d)
    if n == n_groups or not np.ptp(d):
        return None, None
    size = (n - np.square(sizes).sum() / n) / (n_groups - 1)
    means = sums_by(index, d, n_groups) / sizes
    inside = float(np.square(d - means[index]).sum()) / (n - n_groups)
    across = float((sizes * np.square(means - d.mean())).sum()) / (n_groups - 1)
    if inside <= 1e-12 * across:
        return 1.0, 1.0
    f = across / inside
    points = [
        (ratio - 1) / (ratio + size - 1) for ratio in (f, f / special.fdtri(n_groups - 1, n - n_groups, 1 - LIMIT))
    ]
    correlation, limit = (min(1.0, max(0.0, float(point))) for point in points)
    return correlation, limit
