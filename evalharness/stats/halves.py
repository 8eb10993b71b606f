"""Did times rise or fall from the first to the second half of a stretch? With an interval that correlation in time
does not make too narrow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.blocks import block_labels
from evalharness.stats.bootstrap import SMALLEST_P
from evalharness.stats.drift import group_means
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import Floats, Ints, Settings
from evalharness.stats.trend import spearman

N_BLOCKS = 12
#: Trials a block needs for a median that is nearly normal and nearly independent of the next block's.
FEWEST_PER_BLOCK = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfRatio:
    """Second half over first; ``rho`` is Spearman's correlation of the blocks' medians with time."""

    estimate: Estimate
    p_value: float
    rho: float


def half_ratio(values: Floats, case: Ints, in_flight: float, settings: Settings) -> HalfRatio | None:
    """``values``: times in the order they were sent (N), ``case``: index of each one's case.

    Twelve blocks of neighbours have a median each of log time, case means taken out where cases repeat; t limits for
    the difference between the means of the later and the earlier six, p from the same t. Blocks of a twelfth of the
    stretch, not of sqrt(N): only what moves over the whole stretch is a trend, and medians so far apart are nearly
    independent (lag-1 correlation of single trials .5, N = 200: alarms in 6% of steady runs at p < .05).
    Close to saturation a queue remembers longer than a block: at 85% of its capacity 13% of windows of 1,000 trials are
    called a trend, at 95% a third. They are indeed not what a longer window would show.
    NaN and +inf are left out: a failed trial has no time to compare. None below 60 times, with blocks shorter than
    ``in_flight`` (trials in flight together see the same moment), or where the blocks are all alike.
    Source: batch means, Law 2015, Simulation Modeling and Analysis, section 9.5.3.
    """
    use = np.isfinite(values) & (values > 0)
    n = int(use.sum())
    if n < N_BLOCKS * max(FEWEST_PER_BLOCK, in_flight):
        return None
    residuals, correction = _without_cases(np.log(values[use]), case[use])
    label = block_labels(n, N_BLOCKS)
    medians = np.array([np.median(residuals[label == block]) for block in range(N_BLOCKS)])
    early, late = np.split(medians, 2)
    association = spearman(np.arange(N_BLOCKS, dtype=float), medians)
    df = N_BLOCKS - 2
    pooled = (np.square(early - early.mean()).sum() + np.square(late - late.mean()).sum()) / df * correction
    if association is None or pooled <= 0:
        return None
    error = math.sqrt(pooled * 4 / N_BLOCKS)
    shift = float(late.mean() - early.mean())
    half = t_quantile(settings.level, df) * error
    return HalfRatio(
        estimate=Estimate(
            point=math.exp(shift),
            lower=math.exp(shift - half),
            upper=math.exp(shift + half),
            method=f"t on the log medians of {N_BLOCKS} blocks of time",
            n=n,
            unit="ratio",
            level=settings.level,
            n_trials=n,
            n_clusters=N_BLOCKS,
        ),
        p_value=max(SMALLEST_P, 2 * float(special.stdtr(df, -abs(shift) / error))),
        rho=association.rho,
    )


def _without_cases(log_ms: Floats, case: Ints) -> tuple[Floats, float]:
    """Residuals, and the factor by which taking out the cases' means made their variance too small.

    With fewer than two trials a case its mean would take the trend out with it: nothing is taken out then, which is
    fair because cases are sent in random order.
    """
    n, n_cases = len(log_ms), len(np.unique(case))
    if n < 2 * n_cases or n_cases < 2:
        return log_ms, 1.0
    return log_ms - group_means(log_ms, case), n / (n - n_cases)
