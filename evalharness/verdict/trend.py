"""What moves with the effort, step by step? The slope of the primary score over the rungs of the effort axis, the line
that never falls, and the order of times and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalharness.core.findings import Estimate, OrderedFindings, Step, Trend
from evalharness.metrics.catalog import CATALOG
from evalharness.stats.ordered import OrderedTest, page_trend, rising_line
from evalharness.stats.sample import Floats, Sample, filled, means_matrix
from evalharness.stats.trend import slope_per_step
from evalharness.verdict.families import HOLM, cautions
from evalharness.verdict.ladder import EFFORT_AXIS, ladders
from evalharness.verdict.reading import may_decide, reading
from evalharness.verdict.view import RunView

FEWEST_RUNGS = 3
#: Draws for the limits of a rank correlation: its p needs none.
RESAMPLES = 2_000
#: What is tested for moving with the effort, in the order of pages.
ORDERED_METRICS = ("reasoning_tokens", "output_tokens", "ttfo_ms", "total_ms")


def effort_trend(view: RunView, grader: str, steps: Sequence[Step]) -> Trend | None:
    """None without three efforts that differ in nothing else, without a case that all of them scored, and with
    ``scope`` suite: the interval is one for new cases."""
    rungs = _rungs(view)
    if rungs is None or view.settings.scope != "population":
        return None
    samples = [view.scores(grader, arm) for arm in rungs]
    slope = slope_per_step(means_matrix(samples), view.clusters, view.settings)
    if slope is None:
        return None
    n_clusters = slope.estimate.n_clusters or slope.estimate.n
    agrees = HOLM.agrees(slope.estimate, slope.p_value)
    words = [
        reading(estimate, higher_is_better=True, agrees=agrees and may_decide(n_clusters, slope.p_method))
        for estimate in (slope.estimate, *_bounds(view, samples))
    ]
    notes = cautions("paired", n_clusters, agrees=agrees)
    if len(set(words[1:])) > 1:
        notes = (*notes, "missing trials could change this reading")
    arms = tuple(view.arms[arm].arm_id for arm in rungs)
    line = rising_line(_common_means(samples))
    return Trend(
        metric=grader,
        arms=arms,
        estimate=slope.estimate,
        reading=words[0],
        p_value=slope.p_value,
        p_method=slope.p_method,
        fell=_fell(arms, steps),
        rising_line=line.values,
        levelled=tuple((arms[first], arms[last]) for first, last in line.pooled),
        cautions=notes,
    )


def _common_means(samples: Sequence[Sample]) -> Floats:
    """(arms) mean scores over the cases that all arms scored, as the slope takes them."""
    means = means_matrix(samples)
    return np.asarray(means[~np.isnan(means).any(axis=1)].mean(axis=0))


def ordered_metrics(view: RunView) -> tuple[OrderedFindings, ...]:
    """Whether times and tokens move with the effort; metrics without values in every arm, or all alike, are left out.

    One family: Holm over the metrics.
    """
    rungs = _rungs(view)
    if rungs is None or view.is_latency:
        return ()
    tests = {name: test for name in ORDERED_METRICS if (test := _ordered_test(view, name, rungs)) is not None}
    adjusted = HOLM.adjusted([test.p_value for test in tests.values()])
    arms = tuple(view.arms[arm].arm_id for arm in rungs)
    return tuple(
        OrderedFindings(
            metric=name,
            arms=arms,
            correlation=test.estimate,
            p_value=test.p_value,
            p_method=test.p_method,
            p_adjusted=p_adjusted,
            rises=_rises(view, name, test, test.p_value if p_adjusted is None else p_adjusted),
        )
        for (name, test), p_adjusted in zip(tests.items(), adjusted, strict=True)
    )


def _ordered_test(view: RunView, name: str, rungs: Sequence[int]) -> OrderedTest | None:
    """By the median of a case's repeats: a failed trial is infinitely late, and its mean would be so too."""
    columns = np.column_stack([view.metric(name, arm).medians for arm in rungs])
    few = replace(view.settings, n_resamples=min(view.settings.n_resamples, RESAMPLES))
    return page_trend(columns, view.clusters, few)


def _rises(view: RunView, name: str, test: OrderedTest, p: float) -> bool | None:
    n_clusters = test.estimate.n_clusters or test.estimate.n
    if CATALOG[name].is_time and view.time_confounded:
        return None
    if p >= HOLM.alpha or test.estimate.point == 0 or not may_decide(n_clusters, test.p_method):
        return None
    return test.estimate.point > 0


def _rungs(view: RunView) -> tuple[int, ...] | None:
    """The ladder of efforts with the baseline, else the first one."""
    found = [rungs for rungs in ladders(view) if len(rungs) >= FEWEST_RUNGS and EFFORT_AXIS in view.arms[rungs[0]].key]
    with_baseline = (
        rungs for rungs in found if view.run.plan.baseline_arm_id in {view.arms[arm].arm_id for arm in rungs}
    )
    return next(with_baseline, found[0] if found else None)


def _bounds(view: RunView, samples: Sequence[Sample]) -> list[Estimate]:
    """The slope with all missing scores against a rise, and with all for it; empty where none is missing."""
    if not any(sample.n_missing for sample in samples):
        return []
    undrawn = replace(view.settings, n_resamples=1)  # only intervals are used, and they need no draws
    middle, slopes = (len(samples) - 1) / 2, []
    for low, high in ((1.0, 0.0), (0.0, 1.0)):
        completed = [filled(sample, low if place < middle else high) for place, sample in enumerate(samples)]
        slopes.append(slope_per_step(means_matrix(completed), view.clusters, undrawn))
    return [slope.estimate for slope in slopes if slope is not None]


def _fell(arms: tuple[str, ...], steps: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (step.lower_arm, step.upper_arm)
        for step in steps
        if {step.lower_arm, step.upper_arm} <= set(arms) and step.quality.estimate.point < 0
    )
