"""A suite and the flags of a command to the plan: every trial, in the order it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from evalharness.core.errors import UsageError
from evalharness.core.ids import content_id
from evalharness.core.model import Arm, Case, Phase, Plan, Suite, Trial
from evalharness.plan.arms import arms
from evalharness.plan.fingerprint import differences, hashed_content
from evalharness.plan.order import Slot, shuffled, slots, slots_by_unit
from evalharness.plan.pace import warmup_length
from evalharness.plan.select import PlanFlags, chosen_arms, narrowed

__all__ = ["MAX_TRIALS", "PlanFlags", "differences", "further_trials", "make_plan"]

#: A plan is held in memory, about a kilobyte a trial.
MAX_TRIALS = 2_000_000


def make_plan(suite: Suite, flags: PlanFlags | None = None) -> Plan:
    """The plan of a run. Depends on nothing but its arguments: the same in every process, on every day.

    ``plan.suite`` is narrowed to what the flags select; with ``--endpoint`` the arms name that endpoint. Raises
    ``UsageError`` where no case or no arm is left, and for more than ``MAX_TRIALS``.
    """
    flags = flags if flags is not None else PlanFlags()
    suite = narrowed(suite, flags)
    planned_arms = chosen_arms(arms(suite, flags.endpoint), flags.arms)
    _check_length(suite, len(planned_arms))
    hashed = hashed_content(suite, planned_arms)
    return Plan(
        suite=suite,
        arms=planned_arms,
        trials=(*_warmup_trials(suite, planned_arms), *_measured_trials(suite, planned_arms)),
        plan_hash=content_id(hashed),
        hashed=hashed,
    )


def _check_length(suite: Suite, n_arms: int) -> None:
    n_steps = max(1, len(suite.load.levels))
    if len(suite.cases) * n_arms * suite.repeats * n_steps > MAX_TRIALS:
        steps = f", {n_steps:,} steps" if n_steps > 1 else ""
        made_of = f"{len(suite.cases):,} cases, {n_arms:,} arms, {suite.repeats:,} repeats{steps}"
        hint = "lower repeats, take fewer cases (`take`, --limit), or sweep less"
        raise UsageError(f"the plan would have more than {MAX_TRIALS:,} trials: {made_of}", hint=hint)


def trial_id(case: Case, arm_id: str, repeat_index: int, phase: Phase) -> str:
    """By content, so that a resumed run finds its trials whatever their order is now."""
    return content_id([case.case_id, case.content_hash, arm_id, repeat_index, phase.value])


def _trial(case: Case, arm_id: str, repeat_index: int, *, phase: Phase = Phase.MEASURED, step: int = 0) -> Trial:
    return Trial(
        trial_id=trial_id(case, arm_id, repeat_index, phase),
        case_id=case.case_id,
        arm_id=arm_id,
        repeat_index=repeat_index,
        phase=phase,
        step=step,
    )


def further_trials(plan: Plan, *, step: int, repeat_index: int) -> tuple[Trial, ...]:
    """One more pass over the list, every case in every arm, in an order of its own: for a run that time ends.

    ``repeat_index`` is one that no trial of the plan and no pass before has had, in any step: it decides the order, and
    keeps (case, arm, repeat) unique. Deterministic: a resumed run gets the same pass.
    """
    return tuple(_passes(plan.suite, plan.arms, (repeat_index,), step))


def _measured_trials(suite: Suite, planned_arms: Sequence[Arm]) -> Iterator[Trial]:
    """The list of trials, once at each step: ``repeat_index`` counts on, so that no order comes twice."""
    for step in range(max(1, len(suite.load.levels))):
        yield from _passes(suite, planned_arms, range(step * suite.repeats, (step + 1) * suite.repeats), step)


def _passes(suite: Suite, planned_arms: Sequence[Arm], repeats: Iterable[int], step: int) -> Iterator[Trial]:
    by_id = {case.case_id: case for case in suite.cases}
    arm_ids = [arm.arm_id for arm in planned_arms]
    load = suite.load
    if suite.is_sequential:
        at_first = [case for case in suite.cases if not case.is_reserve]
        reserve = [case for case in suite.cases if case.is_reserve]
        ordered: Iterator[Slot] = chain.from_iterable(
            slots_by_unit(_units(cases), arm_ids, tuple(repeats), load.seed) for cases in (at_first, reserve)
        )
    else:
        ordered = slots(load.order, tuple(by_id), arm_ids, repeats, load.seed)
    for case_id, arm_id, repeat_index in ordered:
        yield _trial(by_id[case_id], arm_id, repeat_index, step=step)


def _units(cases: Sequence[Case]) -> tuple[tuple[str, ...], ...]:
    """The ids of cases that are not independent, together: those of a cluster, and each other case by itself."""
    found: dict[tuple[bool, str], list[str]] = {}
    for case in cases:
        found.setdefault(case.unit, []).append(case.case_id)
    return tuple(map(tuple, found.values()))


def _warmup_trials(suite: Suite, planned_arms: Sequence[Arm]) -> Iterator[Trial]:
    """Round-robin over the arms of each endpoint, because each endpoint has a stream of its own."""
    n_trials = warmup_length(suite.load)
    by_id = {case.case_id: case for case in suite.cases}
    case_ids = shuffled(by_id, suite.load.seed, "warmup") if n_trials else []
    for endpoint in dict.fromkeys(arm.endpoint for arm in planned_arms):
        arm_ids = [arm.arm_id for arm in planned_arms if arm.endpoint == endpoint]
        for at in range(n_trials):
            case = by_id[case_ids[at % len(case_ids)]]
            yield _trial(case, arm_ids[at % len(arm_ids)], at, phase=Phase.WARMUP)
