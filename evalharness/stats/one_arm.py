"""How good is one arm? A share or a mean score in [0, 1], and how much its repeats have to say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.proportions import Interval, clopper_pearson, normal_quantile, t_quantile, wilson
from evalharness.stats.sample import Sample, Settings, cluster_variance, groups, require_scores

#: Expected minority outcomes, counted in clusters, below which an estimated variance is not to be trusted.
FEW_OUTCOMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveShare:
    """A share and the number of independent single trials (need not be whole) that would tell as much."""

    share: float
    n_effective: float
    n_clusters: int
    plain: bool

    def interval(self, settings: Settings) -> Interval:
        if settings.exact:
            return clopper_pearson(self.share, self.n_effective, settings.level)
        return wilson(self.share, self.n_effective, normal_quantile(settings.level))


def estimate_share(sample: Sample, settings: Settings, *, unit: str = "share") -> Estimate | None:
    """The mean over cases of scores in [0, 1] with score limits that repeats and clusters cannot make too narrow.

    None where no case is scored, or with ``scope`` suite where fewer than two trials of some case are: the noise of
    a single trial cannot be seen. Missing trials are left out: see ``score_bounds``.
    Raises ``ValueError`` for values outside [0, 1].
    """
    effective = effective_share(sample, settings)
    if effective is None:
        return None
    lower, upper = effective.interval(settings)
    name = "Clopper-Pearson" if settings.exact else "Wilson"
    return Estimate(
        point=effective.share,
        lower=lower,
        upper=upper,
        method=name if effective.plain else f"{name} at the effective number of trials",
        n=int(sample.scored.sum()),
        unit=unit,
        level=settings.level,
        n_trials=int(sample.trials.sum()),
        n_clusters=effective.n_clusters,
        n_effective=effective.n_effective,
    )


def effective_share(sample: Sample, settings: Settings) -> EffectiveShare | None:
    """The share with its effective n; None as in ``estimate_share``.

    Source: Korn and Graubard 1998 (effective n with the t factor), Wilson limits in place of theirs.
    """
    seen = sample.scored
    if not seen.any():
        return None
    means, cluster = sample.means[seen], sample.cluster[seen]
    require_scores(sample)
    share = min(1.0, max(0.0, float(means.mean())))
    n_groups = groups(cluster)[1]
    n_trials = int(sample.trials.sum())
    if settings.scope == "suite":
        n_effective = _effective_in_suite(sample, share, settings.level)
        if n_effective is None:
            return None
        return EffectiveShare(share=share, n_effective=n_effective, n_clusters=n_groups, plain=False)
    plain = sample.is_binary and n_trials == len(means) == n_groups
    if plain:
        return EffectiveShare(share=share, n_effective=float(n_trials), n_clusters=n_groups, plain=True)
    spread, variance = share * (1 - share), cluster_variance(means, cluster)
    n_effective = float(n_groups)
    if variance > 0 and spread > 0:
        n_effective = spread / variance
        if sample.is_binary:
            n_effective = min(n_effective, float(n_trials))
        if n_groups * min(share, 1 - share) < FEW_OUTCOMES:
            # Near an end a few cases make the variance, and those that would widen it may not have turned up yet.
            # Repeated 0/1 trials need it as scores do: 30 cases x 10 at 2% were covered 85% of the time without it.
            n_effective = min(n_effective, 2.0 * n_groups)
        n_effective *= (normal_quantile(settings.level) / t_quantile(settings.level, n_groups - 1)) ** 2
    return EffectiveShare(share=share, n_effective=n_effective, n_clusters=n_groups, plain=False)


def _effective_in_suite(sample: Sample, share: float, level: float) -> float | None:
    """Effective n where only the trials are random: V = sum(s_i^2/K_i)/n^2, and never above the number of trials.

    The number of trials is always on the safe side, also for V = 0: successes of unequal cases spread less than
    binomial ones of the same mean (Hoeffding 1956).
    """
    seen = sample.scored
    trials, n = sample.trials[seen], int(seen.sum())
    if (trials < 2).any():
        return None
    n_trials = float(trials.sum())
    variance = float((sample.variances[seen] / trials).sum()) / n**2
    if variance <= 0:
        return n_trials
    factor = (normal_quantile(level) / t_quantile(level, n_trials - n)) ** 2
    return min(n_trials, share * (1 - share) / variance * factor)


def intraclass_correlation(sample: Sample) -> float | None:
    """Share of a single trial's variance that lies between cases, 0..1; None without repeats or without variance.

    Source: one-way random effects, moment estimator (Donner 1986), with mean(1/K) for unequal repeats.
    """
    repeated = sample.trials > 1
    if repeated.sum() < 2 or not np.isfinite(sample.means[sample.scored]).all():
        return None
    weights = sample.trials[repeated] - 1
    within = float((weights * sample.variances[repeated]).sum() / weights.sum())
    seen = sample.scored
    between = float(sample.means[seen].var(ddof=1) - within * (1 / sample.trials[seen]).mean())
    between = max(0.0, between)
    return between / (between + within) if between + within > 0 else None


def mixed_share(sample: Sample) -> float | None:
    """Share of cases with repeats whose repeats disagree; None without repeats."""
    repeated = sample.trials > 1
    if not repeated.any():
        return None
    return float((sample.variances[repeated] > 0).mean())
