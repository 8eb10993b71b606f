"""What a metric comes to on either side of a comparison with a baseline, over the cases compared.

A comparison is of the differences; these are the two figures to print beside it, so that its size can be judged. Their
intervals say nothing of the difference: that two of them overlap is no test.
"""

from __future__ import annotations

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.metrics.catalog import CATALOG
from evalharness.stats.means import estimate_mean
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.quantiles import estimate_quantile
from evalharness.stats.sample import Sample, Settings, restricted, sample_of


def levels(
    metric: str, candidate: Sample, baseline: Sample, settings: Settings
) -> tuple[Estimate | None, Estimate | None]:
    """(candidate, baseline): of scores, money and tokens the mean of case means, of times the median of case medians.

    Over the cases that both sides have, else over those of each. None where a median lies among failed trials, or
    nothing was measured.
    """
    both = candidate.scored & baseline.scored
    sides = (restricted(candidate, both), restricted(baseline, both)) if both.any() else (candidate, baseline)
    return _level(metric, sides[0], settings), _level(metric, sides[1], settings)


def _level(metric: str, sample: Sample, settings: Settings) -> Estimate | None:
    if metric not in CATALOG:
        return estimate_share(sample, settings)
    unit = CATALOG[metric].unit.value
    if not CATALOG[metric].is_time:
        return estimate_mean(sample, settings, unit=unit)
    medians = sample_of(sample.medians, np.arange(sample.n_cases), sample.cluster)
    return estimate_quantile(medians, 0.5, settings, unit=unit)
