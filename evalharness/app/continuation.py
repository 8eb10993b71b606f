"""Which run is continued: the newest of the suite, if it is unfinished and was planned alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.core.errors import PlanChangedError, UsageError
from evalharness.core.failure import FailureKind
from evalharness.core.model import PendingReason, Phase, Plan, Status, Trial
from evalharness.core.record import RunManifest, RunState, TrialResult
from evalharness.plan.expand import differences
from evalharness.store import load
from evalharness.store.runs import newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """``finished`` are the results that stand, by trial id; those of ``to_ask_again`` do so no longer.

    ``spent_usd`` and ``n_attempts`` are what all earlier sessions came to, whatever became of their results;
    ``n_lost_attempts`` of those were begun and never ended. ``trials`` are the plan's and those that were added to it;
    ``measured_ns`` is for how long each step was measured.
    """

    folder: Path
    manifest: RunManifest
    finished: Mapping[str, TrialResult]
    to_ask_again: frozenset[str]
    spent_usd: float
    n_attempts: int
    n_lost_attempts: int
    trials: Sequence[Trial]
    measured_ns: Mapping[int, int]


def continuation(out: Path, plan: Plan, *, fresh: bool, retry_errors: bool) -> Continuation | None:
    """None: a new run begins.

    Raises:
        PlanChangedError: the newest run is unfinished and differs; the message lists the differences.
        UsageError: errors were to be retried and there is no run that has any.
    """
    found = None if fresh else newest(out, plan.suite.name)
    if found is None:
        if retry_errors:
            raise UsageError(f"there is no run of '{plan.suite.name}' under {out} whose errors could be asked again")
        return None
    record = load.load(found.folder)
    measured = [trial for trial in record.plan.trials if trial.phase is Phase.MEASURED]
    is_complete = all(_is_settled(record.results[trial.trial_id]) for trial in measured)
    # All has been paid for, and its process died before it could say so: to begin anew would be to pay twice.
    only_to_be_ended = record.manifest.state is RunState.RUNNING and record.manifest.plan_hash == plan.plan_hash
    if is_complete and not only_to_be_ended and not retry_errors:
        return None
    if record.manifest.plan_hash != plan.plan_hash:
        changed = "\n".join(f"  {line}" for line in differences(record.plan.hashed, plan.hashed))
        state = "differs" if retry_errors else "is unfinished and was planned differently"
        raise PlanChangedError(
            f"the newest run of '{plan.suite.name}', {record.manifest.run_id}, {state}:\n{changed}",
            hint="undo the change to continue it, or start a new run with --fresh",
        )
    ended = {trial_id: result for trial_id, result in record.results.items() if result.status is not Status.PENDING}
    again = frozenset(trial_id for trial_id, result in ended.items() if retry_errors and is_missing_data(result))
    calls = [
        call for result in (*record.results.values(), *load.earlier_results(found.folder)) for call in result.calls
    ]
    n_lost = len(load.lost_attempts(found.folder))
    return Continuation(
        folder=found.folder,
        manifest=record.manifest,
        finished={trial_id: result for trial_id, result in ended.items() if trial_id not in again},
        to_ask_again=again,
        spent_usd=sum(call.cost_usd or 0.0 for call in calls),
        n_attempts=sum(len(call.attempts) for call in calls) + n_lost,
        n_lost_attempts=n_lost,
        trials=record.plan.trials,
        measured_ns=load.measured_ns(found.folder),
    )


def _is_settled(result: TrialResult) -> bool:
    """Ended, or outside a run that time, or a settled question, has ended."""
    return result.status is not Status.PENDING or result.pending_reason in (
        PendingReason.DURATION,
        PendingReason.SETTLED,
    )


def is_missing_data(result: TrialResult) -> bool:
    """Every error but a timeout, which is the service's own slowness and counts."""
    return (
        result.status is Status.ERROR and result.failure is not None and result.failure.kind is not FailureKind.TIMEOUT
    )
