"""Which arms are worth having: none other is as good, as cheap and as fast, and better in one of these."""

from __future__ import annotations

import numpy as np

from evalharness.core.findings import FrontFindings, FrontPlace
from evalharness.stats.domination import Contender, pareto_front
from evalharness.stats.domination import FrontPlace as Place
from evalharness.stats.sample import Sample
from evalharness.verdict.view import RunView


def front(view: RunView, grader: str) -> FrontFindings | None:
    """None for a latency run, below two arms with a score, with a single cluster, or without cost and time."""
    if view.is_latency or len(view.arms) < 2:
        return None
    found = pareto_front([_contender(view, grader, arm) for arm in range(len(view.arms))], view.settings)
    if found is None:
        return None
    return FrontFindings(
        axes=found.axes,
        time_quantile=found.time_quantile,
        places={
            arm.arm_id: _place(view, place)
            for arm, place in zip(view.arms, found.places, strict=True)
            if place is not None
        },
    )


def _contender(view: RunView, grader: str, arm: int) -> Contender:
    return Contender(
        quality=view.scores(grader, arm),
        cost=_measured(view.metric("cost_usd", arm)),
        time=_measured(view.metric("total_ms", arm)),
    )


def _measured(sample: Sample) -> Sample | None:
    return sample if np.isfinite(sample.values).any() else None


def _place(view: RunView, found: Place) -> FrontPlace:
    return FrontPlace(
        on_front=found.on_front,
        front_share=found.front_share,
        dominated_by=tuple((view.arms[arm].arm_id, share) for arm, share in found.dominated_by),
    )
