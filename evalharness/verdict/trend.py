"""Does more effort help, step by step? The slope of the primary score over the rungs of the effort axis."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.findings import Reading, Step, Trend
from evalharness.stats.sample import Floats, Sample, filled, means_matrix
from evalharness.stats.trend import Slope, slope_per_step
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
    slope = _slope(view, means_matrix(samples))
    if slope is None:
        return None
    n_clusters, agrees = slope.estimate.n_clusters or slope.estimate.n, _agrees(slope)
    notes = cautions("paired", n_clusters, agrees=agrees)
    if len({_reading(bound) for bound in _bounds(view, samples)}) > 1:
        notes = (*notes, "missing trials could change this reading")
    arms = tuple(view.arms[arm].arm_id for arm in rungs)
    return Trend(
        metric=grader,
        arms=arms,
        estimate=slope.estimate,
        reading=_reading(slope),
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


def _slope(view: RunView, means: Floats) -> Slope | None:
    return slope_per_step(means, view.clusters, view.settings)


def _bounds(view: RunView, samples: Sequence[Sample]) -> list[Slope]:
    """The slope with all missing scores against a rise, and with all for it; empty where none is missing."""
    if not any(sample.n_missing for sample in samples):
        return []
    slopes = []
    for low, high in ((1.0, 0.0), (0.0, 1.0)):
        middle = (len(samples) - 1) / 2
        completed = [filled(sample, low if place < middle else high) for place, sample in enumerate(samples)]
        slopes.append(_slope(view, means_matrix(completed)))
    return [slope for slope in slopes if slope is not None]


def _agrees(slope: Slope) -> bool:
    return HOLM.agrees(slope.estimate, slope.p_value)


def _reading(slope: Slope) -> Reading:
    n_clusters = slope.estimate.n_clusters or slope.estimate.n
    sure = _agrees(slope) and may_decide(n_clusters, slope.p_method)
    return reading(slope.estimate, higher_is_better=True, agrees=sure)


def _fell(arms: tuple[str, ...], steps: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (step.lower_arm, step.upper_arm)
        for step in steps
        if {step.lower_arm, step.upper_arm} <= set(arms) and step.quality.estimate.point < 0
    )
