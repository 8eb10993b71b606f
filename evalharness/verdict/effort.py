"""Was the effort that was asked for honoured? What the service says, and whether reasoning tokens rise with it."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.core.findings import EffortEvidence
from evalharness.core.model import Arm
from evalharness.stats.paired import compare_values
from evalharness.verdict.ladder import ladders
from evalharness.verdict.reading import FEWEST_CLUSTERS
from evalharness.verdict.tally import Tally
from evalharness.verdict.view import RunView


def effort_evidence(view: RunView, counted: Mapping[str, Tally]) -> Mapping[str, EffortEvidence]:
    """By arm id, as is ``counted``. A service that repeats the effort back and ignores it is found by its tokens."""
    rising = _rising_by_arm(view)
    return {
        arm.arm_id: _evidence(arm, counted[arm.arm_id].efforts_reported, rising.get(arm.arm_id)) for arm in view.arms
    }


def _evidence(arm: Arm, reported: Mapping[str, int], rising: bool | None) -> EffortEvidence:
    asked = arm.effort
    if asked is None:
        return EffortEvidence(requested=None, reported=reported, reason="no effort was asked for")
    others = {name: count for name, count in reported.items() if name != asked}
    if others:
        said = ", ".join(f"{name} ({count:,})" for name, count in others.items())
        reason = f"asked for {asked}, the service reported {said}"
        return EffortEvidence(requested=asked, reported=reported, honoured=False, reason=reason)
    if rising is False:
        reason = "reasoning tokens do not rise from the lowest to the highest effort asked for"
        return EffortEvidence(requested=asked, reported=reported, honoured=False, reason=reason)
    if rising:
        reason = "reasoning tokens rise from the lowest to the highest effort asked for"
        return EffortEvidence(requested=asked, reported=reported, honoured=True, reason=reason)
    if reported:
        reason = "the service reported the effort asked for; its reasoning tokens say nothing about it"
        return EffortEvidence(requested=asked, reported=reported, honoured=True, reason=reason)
    reason = "the service reports neither the effort nor enough reasoning tokens to judge by"
    return EffortEvidence(requested=asked, reported=reported, reason=reason)


def _rising_by_arm(view: RunView) -> Mapping[str, bool | None]:
    """Whether the arm's ladder of efforts rises in reasoning tokens; absent where it has no ladder."""
    found: dict[str, bool | None] = {}
    for rungs in ladders(view):
        asked = [view.arms[arm].effort for arm in rungs]
        if None not in asked and len(set(asked)) == len(asked):
            rises = _rises(view, rungs[0], rungs[-1])
            found.update({view.arms[arm].arm_id: rises for arm in rungs})
    return found


def _rises(view: RunView, lowest: int, highest: int) -> bool | None:
    """None where tokens are not reported, or where too few cases fail to show a rise."""
    upper, lower = view.metric("reasoning_tokens", highest), view.metric("reasoning_tokens", lowest)
    difference = compare_values(upper, lower, view.settings, unit="tokens")
    if difference is None:
        return None
    estimate = difference.estimate
    if estimate.lower is not None and estimate.lower > 0:
        return True
    if estimate.lower is None and estimate.point > 0:
        return True
    return False if (estimate.n_clusters or estimate.n) >= FEWEST_CLUSTERS else None
