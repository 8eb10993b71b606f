"""A suite and the flags of a command to the plan: every trial, in the order it is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from evalharness.core.ids import content_id
from evalharness.core.model import Arm, Case, Phase, Plan, Suite, Trial, Warmup
from evalharness.plan.arms import arms
from evalharness.plan.fingerprint import differences, hashed_content
from evalharness.plan.order import shuffled, slots
from evalharness.plan.select import PlanFlags, chosen_arms, narrowed

__all__ = ["PlanFlags", "differences", "make_plan"]

# A warm-up of so many seconds is a list too long to be sent in that time, which the runner cuts: nobody answers
# faster than this at any concurrency of interest, and the list must end somewhere.
_FASTEST_CALL_S = 0.05
_MAX_WARMUP_TRIALS = 5_000


def make_plan(suite: Suite, flags: PlanFlags | None = None) -> Plan:
    """The plan of a run. Depends on nothing but its arguments: the same in every process, on every day.

    ``plan.suite`` is narrowed to what the flags select; with ``--endpoint`` the arms name that endpoint. Raises
    ``UsageError`` where no case or no arm is left.
    """
    flags = flags if flags is not None else PlanFlags()
    suite = narrowed(suite, flags)
    planned_arms = chosen_arms(arms(suite, flags.endpoint), flags.arms)
    hashed = hashed_content(suite, planned_arms)
    return Plan(
        suite=suite,
        arms=planned_arms,
        trials=(*_warmup_trials(suite, planned_arms), *_measured_trials(suite, planned_arms)),
        plan_hash=content_id(hashed),
        hashed=hashed,
    )


def trial_id(case: Case, arm_id: str, repeat_index: int, phase: Phase) -> str:
    """By content, so that a resumed run finds its trials whatever their order is now."""
    return content_id([case.case_id, case.content_hash, arm_id, repeat_index, phase.value])


def _trial(case: Case, arm_id: str, repeat_index: int, phase: Phase) -> Trial:
    return Trial(
        trial_id=trial_id(case, arm_id, repeat_index, phase),
        case_id=case.case_id,
        arm_id=arm_id,
        repeat_index=repeat_index,
        phase=phase,
    )


def _measured_trials(suite: Suite, planned_arms: Sequence[Arm]) -> Iterator[Trial]:
    by_id = {case.case_id: case for case in suite.cases}
    arm_ids = [arm.arm_id for arm in planned_arms]
    for case_id, arm_id, repeat_index in slots(suite.load.order, tuple(by_id), arm_ids, suite.repeats, suite.load.seed):
        yield _trial(by_id[case_id], arm_id, repeat_index, Phase.MEASURED)


def _warmup_trials(suite: Suite, planned_arms: Sequence[Arm]) -> Iterator[Trial]:
    """Round-robin over the arms of each endpoint, because each endpoint has a stream of its own."""
    if suite.load.warmup is None:
        return
    n_trials = _warmup_length(suite.load.warmup, suite.load.concurrency)
    by_id = {case.case_id: case for case in suite.cases}
    case_ids = shuffled(by_id, suite.load.seed, "warmup")
    for endpoint in dict.fromkeys(arm.endpoint for arm in planned_arms):
        arm_ids = [arm.arm_id for arm in planned_arms if arm.endpoint == endpoint]
        for at in range(n_trials):
            case = by_id[case_ids[at % len(case_ids)]]
            yield _trial(case, arm_ids[at % len(arm_ids)], at, Phase.WARMUP)


def _warmup_length(warmup: Warmup, concurrency: int) -> int:
    if warmup.calls is not None:
        return warmup.calls
    assert warmup.seconds is not None  # exactly one is set
    return min(math.ceil(warmup.seconds / _FASTEST_CALL_S) * concurrency, _MAX_WARMUP_TRIALS)
