"""What could be gained by sending each case to the effort that suits it, and which cases no effort solves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalharness.core.findings import Route, RouterFindings, SolvedShares, TagRoute
from evalharness.stats.paired import Difference
from evalharness.stats.router import Routing, TagGain, ideal_router
from evalharness.stats.routes import Routed
from evalharness.stats.sample import Sample, sample_of
from evalharness.verdict.families import HOLM
from evalharness.verdict.ladder import main_ladder
from evalharness.verdict.reading import leaves_out, may_decide
from evalharness.verdict.view import RunView

#: Draws for what a router costs and for its p: enough to tell at 5%, a fifth of the time.
RESAMPLES = 2_000


def router(view: RunView, grader: str) -> RouterFindings | None:
    """Over the main ladder. None without one, without a case that all its arms scored, and for a latency run."""
    arms = main_ladder(view)
    if arms is None or view.is_latency:
        return None
    found = ideal_router(
        [view.scores(grader, arm) for arm in arms],
        replace(view.settings, n_resamples=min(view.settings.n_resamples, RESAMPLES)),
        costs=[_costs(view, grader, arm) for arm in arms],
        tags={tag: _mask(view, tag) for tag in view.table.tags},
        pass_at=_pass_at(view, grader),
    )
    return None if found is None else _findings(view, arms, found)


def _costs(view: RunView, grader: str, arm: int) -> Sample:
    """Of the trials that have a score to be had, row by row as ``RunView.scores``."""
    rows = view.rows(arm) & view.table.asked[grader][view.table.case_index]
    return sample_of(view.table.metrics["cost_usd"][rows], view.table.case_index[rows], view.clusters)


def _mask(view: RunView, tag: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(view.table.n_cases, dtype=np.bool_)
    mask[view.table.tags[tag]] = True
    return mask


def _pass_at(view: RunView, grader: str) -> float:
    """From which score on an answer is right; 1 for a grader of single cases."""
    return next((spec.pass_at for spec in view.suite.graders if spec.grader_id == grader), 1.0)


def _findings(view: RunView, arms: Sequence[int], found: Routing) -> RouterFindings:
    ids = tuple(view.arms[arm].arm_id for arm in arms)
    return RouterFindings(
        arms=ids,
        best_arm=ids[found.best_arm],
        naive_gain=found.naive.gain.estimate.point,
        held_out=None if found.held_out is None else _route(ids, found.held_out),
        reason=found.reason,
        by_tag=None if found.by_tag is None else _route(ids, found.by_tag),
        tags=tuple(_tag(ids, tag) for tag in found.tags),
        solved=SolvedShares(by_none=found.solved.by_none, by_all=found.solved.by_all, flipping=found.solved.flipping),
        n_cases=found.n_cases,
        n_left_out=found.n_left_out,
    )


def _route(ids: Sequence[str], found: Routed) -> Route:
    return Route(
        score=found.score,
        gain=found.gain.estimate,
        is_shown=_is_shown(found.gain, found.gain.p_value),
        extra_cost_usd=found.extra_cost,
        choices={arm_id: share for arm_id, share in zip(ids, found.choices, strict=True) if share},
    )


def _tag(ids: Sequence[str], found: TagGain) -> TagRoute:
    return TagRoute(
        tag=found.tag,
        n_cases=found.n_cases,
        arm_id=None if found.arm is None else ids[found.arm],
        gain=None if found.gain is None else found.gain.estimate,
        p_adjusted=found.p_adjusted,
        is_shown=found.gain is not None and _is_shown(found.gain, found.p_adjusted),
    )


def _is_shown(gain: Difference, p: float | None) -> bool:
    """A gain above 0 by interval and p, from cases enough."""
    estimate = gain.estimate
    enough = may_decide(estimate.n_clusters or estimate.n, gain.p_method)
    return enough and p is not None and p < HOLM.alpha and estimate.point > 0 and leaves_out(estimate)
