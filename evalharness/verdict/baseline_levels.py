"""What a metric comes to on either side of a comparison with a baseline: over the cases compared, without an interval.

A comparison is of the differences; these are the two figures to print beside it, so that its size can be judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalharness.stats.sample import Mask, Sample
from evalharness.stats.signed_rank import case_medians
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.baseline_sums import is_time
from evalharness.verdict.ratios import RATIO_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Of scores, money and tokens the mean of case means, of times the median of case medians, in their own units.

    None where a median lies among failed trials, or nothing was measured.
    """

    baseline: float | None
    candidate: float | None


def levels(paired: PairedBaseline) -> Mapping[str, Mapping[str, Level]]:
    """Metric -> arm id of this run -> both levels, for what ``against_run`` compares."""
    found: dict[str, dict[str, Level]] = {}
    for name in (*paired.view.grader_ids, *RATIO_METRICS):
        for arm in paired.arm_pairs:
            pair = paired.pair(name, arm)
            if pair is not None:
                found.setdefault(name, {})[paired.view.arms[arm].arm_id] = _level(name, *pair)
    return found


def _level(metric: str, candidate: Sample, baseline: Sample) -> Level:
    both = candidate.scored & baseline.scored
    cases = (both, both) if both.any() else (candidate.scored, baseline.scored)
    middle = _median if is_time(metric) else _mean
    return Level(candidate=middle(candidate, cases[0]), baseline=middle(baseline, cases[1]))


def _mean(sample: Sample, cases: Mask) -> float | None:
    return float(sample.means[cases].mean()) if cases.any() else None


def _median(sample: Sample, cases: Mask) -> float | None:
    if not cases.any():
        return None
    middle = float(np.quantile(case_medians(sample)[cases], 0.5, method="inverted_cdf"))
    return middle if math.isfinite(middle) else None
