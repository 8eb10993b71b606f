"""Which arm stands below which: the rungs of the effort axis, with all other axes equal."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.ids import canonical_json
from evalharness.core.model import Json
from evalharness.verdict.view import RunView

EFFORT_AXIS = "reasoning.effort"
EFFORT_ORDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def ladders(view: RunView) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more arms (indices, lowest rung first) that differ on one axis alone.

    The axis is the effort, ordered from none to max; without an effort axis the first one, in declared order.
    """
    axis = _axis(view)
    if axis is None:
        return ()
    ranks = _ranks(axis, view)
    groups: dict[str, list[int]] = {}
    for place, arm in enumerate(view.arms):
        if axis in arm.key:
            others = {name: value for name, value in arm.key.items() if name != axis}
            groups.setdefault(canonical_json(others), []).append(place)
    climbed = (sorted(group, key=lambda arm: ranks.index(view.arms[arm].key[axis])) for group in groups.values())
    return tuple(tuple(group) for group in climbed if len(group) > 1)


def main_ladder(view: RunView) -> tuple[int, ...] | None:
    """The ladder with the baseline, else the first one."""
    found = ladders(view)
    baseline = view.run.plan.baseline_arm_id
    with_baseline = (rungs for rungs in found if any(view.arms[arm].arm_id == baseline for arm in rungs))
    return next(with_baseline, found[0] if found else None)


def _axis(view: RunView) -> str | None:
    names = list(dict.fromkeys(name for arm in view.arms for name in arm.key))
    if EFFORT_AXIS in names:
        return EFFORT_AXIS
    return names[0] if names else None


def _ranks(axis: str, view: RunView) -> Sequence[Json]:
    """The values on the axis in rising order; efforts that no one has heard of come last, as declared."""
    declared = list(view.suite.sweep.axes.get(axis, ()))
    for arm in view.arms:
        if axis in arm.key and arm.key[axis] not in declared:
            declared.append(arm.key[axis])
    if axis != EFFORT_AXIS:
        return declared
    known = [effort for effort in EFFORT_ORDER if effort in declared]
    return [*known, *(value for value in declared if value not in known)]
