"""Does more effort help, step by step? The slope of the primary score over the rungs of the effort axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.core.findings import Estimate, Step, Trend
from evalharness.stats.sample import Sample, filled, means_matrix
from evalharness.stats.trend import slope_per_step
from evalharness.verdict.families import HOLM, cautions
from evalharness.verdict.ladder import EFFORT_AXIS, ladders
from evalharness.verdict.reading import may_decide, reading
from evalharness.verdict.view import RunView

FEWEST_RUNGS = 3


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
    return Trend(
        metric=grader,
        arms=arms,
        estimate=slope.estimate,
        reading=words[0],
        p_value=slope.p_value,
        p_method=slope.p_method,
        fell=_fell(arms, steps),
        cautions=notes,
    )


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
