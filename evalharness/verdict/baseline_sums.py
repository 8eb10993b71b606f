"""What a baseline file keeps of a run: per arm and case sums of scores and money, and medians of times.

From these come the same differences and ratios as from the trials: a comparison takes of a case's repeats their mean
and variance, or their median. Quantiles of an arm need the trials themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.table import Bools, Floats
from evalharness.stats.sample import Ints, Sample, sample_of
from evalharness.stats.summaries import scores_from_sums, values_from_sums
from evalharness.verdict.baseline_facts import BaselineFacts
from evalharness.verdict.baseline_trials import BaselineTrials, Long
from evalharness.verdict.gate_samples import ERROR_SHARE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """(arms, cases) each. ``n``: values; ``missing``: trials without one; both 0 where the case has no such grader.

    ``value``: their sum, of times their median (+inf where half of them or more never ended; NaN with ``n`` 0).
    ``squares``: the sum of squares, of scores alone.
    """

    n: NDArray[np.int64]
    missing: NDArray[np.int64]
    value: Floats
    squares: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineSums:
    """``planned`` (arms, cases): trials. ``scores`` by grader id, and ``error_share``; ``metrics`` by name: medians of
    times, sums of all else; ``n_right``: how many answers reach the pass mark of the primary grader.
    """

    facts: BaselineFacts
    planned: NDArray[np.int64]
    scores: Mapping[str, Cells]
    metrics: Mapping[str, Cells]
    n_right: Cells

    @property
    def has_trials(self) -> bool:
        return False

    def values(self, metric: str, arm: int) -> Long | None:
        if metric in self.scores:
            return _scores(self.scores[metric], arm)
        if metric not in self.metrics:
            return None
        cells = self.metrics[metric]
        return _medians(cells, arm) if is_time(metric) else _sums(cells, arm)

    def right(self, arm: int) -> Long:
        cells = self.n_right
        return _scores(replace(cells, squares=cells.value), arm)


def is_time(metric: str) -> bool:
    return metric in CATALOG and CATALOG[metric].is_time


def _scores(cells: Cells, arm: int) -> Long:
    assert cells.squares is not None
    n, missing = cells.n[arm], cells.missing[arm]
    return _long(scores_from_sums(cells.value[arm], cells.squares[arm], n, missing, _own(n)))


def _sums(cells: Cells, arm: int) -> Long:
    n, missing = cells.n[arm], cells.missing[arm]
    return _long(values_from_sums(cells.value[arm], n, missing, _own(n)))


def _medians(cells: Cells, arm: int) -> Long:
    """As many times the median as there were times, so that what is missing weighs as it did."""
    n, missing = cells.n[arm], cells.missing[arm]
    case = np.concatenate([np.repeat(_own(n), n), np.repeat(_own(n), missing)])
    return np.concatenate([np.repeat(cells.value[arm], n), np.full(int(missing.sum()), np.nan)]), case


def _own(n: Ints) -> Ints:
    """Every case its own unit: clusters are those of the run that is compared."""
    return np.arange(len(n), dtype=np.int64)


def _long(sample: Sample) -> Long:
    return sample.values, sample.case


# ---------------------------------------------------------------- made from trials


def sums_of(trials: BaselineTrials) -> BaselineSums:
    n_arms, n_cases = len(trials.facts.arms), len(trials.facts.cases)
    planned = [np.bincount(trials.case_index[trials.arm_index == arm], minlength=n_cases) for arm in range(n_arms)]

    def cells(values: Callable[[int], Long | None], *, median: bool = False) -> Cells:
        return _cells([values(arm) for arm in range(n_arms)], n_cases, median=median)

    return BaselineSums(
        facts=trials.facts,
        planned=np.stack(planned).astype(np.int64),
        scores={name: cells(partial(trials.values, name)) for name in (*trials.scores, ERROR_SHARE)},
        metrics={
            name: cells(partial(trials.values, name), median=is_time(name))
            for name in trials.metrics
            if name != ERROR_SHARE
        },
        n_right=cells(trials.right),
    )


def _cells(by_arm: Sequence[Long | None], n_cases: int, *, median: bool) -> Cells:
    """Every case of every arm; ``median`` for times, which may be infinite."""
    samples = []
    for long in by_arm:
        assert long is not None  # the trials have this column
        samples.append(sample_of(long[0], long[1], np.arange(n_cases)))
    return Cells(
        n=np.stack([sample.trials for sample in samples]),
        missing=np.stack([_counted(sample, np.isnan(sample.values)) for sample in samples]).astype(np.int64),
        value=np.stack([sample.medians if median else _summed(sample, 1) for sample in samples]),
        squares=None if median else np.stack([_summed(sample, 2) for sample in samples]),
    )


def _summed(sample: Sample, power: int) -> Floats:
    return _counted(sample, np.nan_to_num(sample.values, nan=0.0) ** power)


def _counted(sample: Sample, weights: Floats | Bools) -> Floats:
    return np.asarray(np.bincount(sample.case, weights.astype(float), sample.n_cases), float)
