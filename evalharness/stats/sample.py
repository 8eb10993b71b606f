"""The two types every function of this room takes: what was measured, and how to analyse it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from evalharness.stats.draws import Draws

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

#: Labels below so many times their number are counted, others sorted.
DENSE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``level`` 0.95 is the two-sided interval of a report; 0.90 holds the two one-sided 95% bounds of a gate.

    ``scope`` is ``population`` (new cases like these) or ``suite`` (only these cases, new trials; scores alone).
    ``exact`` asks for Clopper-Pearson and the exact McNemar test, which never err on the bold side.
    ``draws`` are kept for all figures made with these settings or with copies of them; they change no figure.
    """

    seed: int
    level: float = 0.95
    n_resamples: int = 10_000
    scope: str = "population"
    exact: bool = False
    draws: Draws = field(default_factory=Draws, repr=False, compare=False)

    @property
    def alpha(self) -> float:
        return 1 - self.level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One arm's trials of one metric, on the cases of the plan. Arms that are compared index the same cases.

    ``values`` (N trials): NaN is missing (infrastructure or grader error), +inf is a time that never ended.
    ``case`` (N): index of the trial's case. ``cluster`` (n cases): label of the independent unit a case belongs to.
    Derived by ``sample_of``: ``means`` (n; NaN where a case has no value), ``trials`` (n; values present) and
    ``variances`` (n; within the case, NaN below two values or with an infinite one).
    ``unit`` says in words what a case of the sample is: ``trial`` in the times of a latency run (``stats.blocks``).
    ``block`` (N): label of the stretch of time in which a trial was sent, where trials near in time are alike and the
    unit is the case; None where time makes no difference, or makes the clusters.
    """

    values: Floats
    case: Ints
    cluster: Ints
    means: Floats
    trials: Ints
    variances: Floats
    unit: str = "case"
    block: Ints | None = None
    _medians: list[Floats] = field(default_factory=list, init=False, repr=False)

    @property
    def n_cases(self) -> int:
        return len(self.cluster)

    @property
    def n_missing(self) -> int:
        return int(np.isnan(self.values).sum())

    @property
    def scored(self) -> Mask:
        """(n) whether a case has any value."""
        return self.trials > 0

    @property
    def medians(self) -> Floats:
        """(n) median of each case's values, NaN where it has none; +inf where half or more of them are."""
        if not self._medians:
            self._medians.append(_case_medians(self))
        return self._medians[0]

    @property
    def is_binary(self) -> bool:
        present = self.values[~np.isnan(self.values)]
        return bool(np.isin(present, (0.0, 1.0)).all())


def sample_of(
    values: npt.ArrayLike,
    case: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    unit: str = "case",
    block: Ints | None = None,
) -> Sample:
    """Builds a sample from long columns; ``cluster`` has one label per case (``arange(n)`` where cases are their own).

    Raises ``ValueError`` where the columns do not fit together. A case of which no trial is listed stays, unscored.
    """
    long, index, labels = np.asarray(values, float), np.asarray(case, np.int64), np.asarray(cluster, np.int64)
    if long.shape != index.shape or long.ndim != 1 or labels.ndim != 1:
        raise ValueError(f"values {long.shape} and case {index.shape} must be columns of one length")
    if len(index) and not 0 <= index.min() <= index.max() < len(labels):
        raise ValueError(f"case indices must lie in 0..{len(labels) - 1}, the cases that have a cluster")
    if np.isneginf(long).any():
        raise ValueError("-inf is no measurement")
    here = ~np.isnan(long)
    at, x = index[here], long[here]
    n = len(labels)
    trials = np.bincount(at, minlength=n)
    means, variances = np.full(n, np.nan), np.full(n, np.nan)
    np.divide(np.bincount(at, x, n), trials, out=means, where=trials > 0)
    finite = np.isfinite(x)
    squares = np.bincount(at[finite], (x[finite] - means[at[finite]]) ** 2, n)
    np.divide(squares, trials - 1, out=variances, where=(trials > 1) & np.isfinite(means))
    return Sample(
        values=long,
        case=index,
        cluster=labels,
        means=means,
        trials=trials,
        variances=variances,
        unit=unit,
        block=block,
    )


def _case_medians(sample: Sample) -> Floats:
    here = ~np.isnan(sample.values)
    order = np.lexsort((sample.values[here], sample.case[here]))
    x = np.append(sample.values[here][order], np.nan)
    start = np.concatenate([[0], np.cumsum(sample.trials)[:-1]])
    low, high = start + np.maximum(sample.trials - 1, 0) // 2, start + sample.trials // 2
    medians = np.where(np.isinf(x[high]), x[high], x[low] / 2 + np.where(np.isinf(x[high]), 0.0, x[high]) / 2)
    return np.where(sample.trials > 0, medians, np.nan)


def with_values(sample: Sample, values: npt.ArrayLike) -> Sample:
    """The same trials with other values (N)."""
    return sample_of(values, sample.case, sample.cluster, unit=sample.unit, block=sample.block)


def of_trials(sample: Sample, keep: Mask) -> Sample:
    """The sample of some of its trials (N); cases without any stay in the plan, unscored."""
    block = None if sample.block is None else sample.block[keep]
    return sample_of(sample.values[keep], sample.case[keep], sample.cluster, unit=sample.unit, block=block)


def filled(sample: Sample, value: float) -> Sample:
    """The same sample with every missing trial counted as ``value``: 0 and 1 give the bounds of a score."""
    return with_values(sample, np.where(np.isnan(sample.values), value, sample.values))


def restricted(sample: Sample, cases: Mask) -> Sample:
    """The same sample without the trials of other cases; these stay in the plan, unscored."""
    return of_trials(sample, cases[sample.case])


def require_scores(sample: Sample) -> None:
    """Raises ``ValueError`` unless every value lies in [0, 1]: score limits of anything else would be wrong."""
    present = sample.values[~np.isnan(sample.values)]
    if ((present < 0) | (present > 1)).any():
        raise ValueError("a score must lie in [0, 1]; other metrics have means, ratios and quantiles")


def score_bounds(sample: Sample) -> tuple[float, float] | None:
    """The mean score with every missing trial wrong and with every one right; None where nothing was planned."""
    worst, best = filled(sample, 0.0), filled(sample, 1.0)
    if not worst.scored.any():
        return None
    return float(worst.means[worst.scored].mean()), float(best.means[best.scored].mean())


def means_matrix(samples: Sequence[Sample]) -> Floats:
    """(n cases, arms) of case means, NaN where an arm has no value of a case."""
    return np.column_stack([sample.means for sample in samples])


def with_level(settings: Settings, level: float) -> Settings:
    return replace(settings, level=level)


def groups(cluster: Ints) -> tuple[Ints, int]:
    """Cluster labels as 0..G-1 in their order, and G."""
    if len(cluster) and cluster.min() >= 0 and cluster.max() < DENSE * len(cluster):
        places = np.cumsum(np.bincount(cluster) > 0) - 1  # places of labels: no need to sort the column
        return places[cluster], int(places[-1]) + 1
    labels, index = np.unique(cluster, return_inverse=True)
    return index.astype(np.int64), len(labels)


def sums_by(index: Ints, x: Floats, n_groups: int) -> Floats:
    """(n_groups) sums of ``x`` over equal ``index`` 0..n_groups-1."""
    return np.asarray(np.bincount(index, x, n_groups), float)


def cluster_totals(x: Floats, cluster: Ints) -> Floats:
    """(G) sums of ``x`` (n cases) over each cluster, 0 where they cancel but for rounding."""
    index, n_groups = groups(cluster)
    return balanced_sums(index, x, n_groups)


def balanced_sums(index: Ints, x: Floats, n_groups: int) -> Floats:
    """As ``sums_by``, 0.0 where the parts cancel but for rounding: 1/3 + 1/3 - 2/3 is no spread between clusters."""
    return without_noise(sums_by(index, x, n_groups), sums_by(index, np.abs(x), n_groups))


def cluster_variance(x: Floats, cluster: Ints) -> float:
    """Variance of the mean of ``x`` (n cases, no NaN) when whole clusters are drawn; 0.0 with a single cluster.

    V = G/(G-1) * sum_g (sum_{i in g} (x_i - mean))^2 / n^2. Source: Miller 2024, arXiv 2411.00640, with the
    small-sample factor of Cameron, Gelbach and Miller. Exactly 0 for constant data, and where the deviations of every
    cluster cancel.
    """
    totals = cluster_totals(without_noise(x - x.mean(), np.abs(x).max()), cluster)
    n_groups = len(totals)
    if n_groups < 2:
        return 0.0
    return n_groups / (n_groups - 1) * float(np.square(totals).sum()) / len(x) ** 2


def without_noise(x: Floats, scale: Floats | float) -> Floats:
    """``x`` with 0.0 where it is zero but for rounding at the size ``scale``: 0.3 - 0.1 - 0.2 is no difference."""
    return np.where(np.abs(x) <= 1e-12 * scale, 0.0, x)


def correlation(x: Floats, y: Floats) -> float | None:
    """Pearson's r of two columns without NaN; None below 3 points or where one of them is constant."""
    if len(x) < 3:
        return None
    u, v = (without_noise(column - column.mean(), np.abs(column).max()) for column in (x, y))
    if not (u.any() and v.any()):
        return None
    u, v = u / np.abs(u).max(), v / np.abs(v).max()
    r = float((u * v).sum() / np.sqrt(np.square(u).sum() * np.square(v).sum()))
    return min(1.0, max(-1.0, r))
