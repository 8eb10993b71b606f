"""A stored run, read back. Never writes, so a run can be read while it goes on and from a read-only medium."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from evalharness.core.errors import StoreError
from evalharness.core.model import PendingReason, Phase, Plan, Status
from evalharness.core.record import RunManifest, RunRecord, RunState, TrialResult
from evalharness.store.connect import reading
from evalharness.store.plan_rows import read_manifest, read_plan
from evalharness.store.result_rows import read_results


def load(folder: Path) -> RunRecord:
    """The run in ``folder``: results in the plan's order, those of trials that never ended as pending.

    Stamps come back to the nanosecond, arrivals of deltas to half a microsecond. Raises ``StoreError``.
    """
    with reading(folder) as connection:
        manifest = _manifest(connection, folder)
        plan = read_plan(connection)
        stored = {result.trial_id: result for result in read_results(connection)}
    return RunRecord(manifest=manifest, plan=plan, results=_in_plan_order(manifest, plan, stored))


def finished_trial_ids(folder: Path) -> frozenset[str]:
    """Trials that ended in any way but pending. Raises ``StoreError``."""
    with reading(folder) as connection:
        rows = connection.execute(
            "SELECT trial_id FROM results WHERE superseded = 0 AND status != ?", (Status.PENDING.value,)
        )
        return frozenset(trial_id for (trial_id,) in rows)


def earlier_results(folder: Path) -> tuple[TrialResult, ...]:
    """Results that were asked again (``--retry-errors``, a stop in mid-trial), oldest first. Raises ``StoreError``."""
    with reading(folder) as connection:
        return tuple(read_results(connection, superseded=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAttempt:
    """An attempt that was about to be sent and of which nothing more is known: it may have been charged.

    ``session`` counts the starts of the run from 1. In a run that is going on these are the attempts in flight.
    """

    trial_id: str
    turn_index: int
    attempt_index: int
    session: int
    begun_utc: str


def lost_attempts(folder: Path) -> tuple[LostAttempt, ...]:
    """Attempts that were begun and never ended, oldest first. Raises ``StoreError``."""
    with reading(folder) as connection:
        rows = connection.execute(
            "SELECT trial_id, turn_index, attempt_index, session, begun_utc FROM begun_attempts ORDER BY rowid"
        )
        return tuple(
            LostAttempt(
                trial_id=trial_id,
                turn_index=turn_index,
                attempt_index=attempt_index,
                session=session,
                begun_utc=begun_utc,
            )
            for trial_id, turn_index, attempt_index, session, begun_utc in rows
        )


def _manifest(connection: sqlite3.Connection, folder: Path) -> RunManifest:
    manifest = read_manifest(connection)
    if manifest is None:
        raise StoreError(f"{folder} holds no plan: the run was ended before it began", hint="delete the folder")
    return manifest


def _in_plan_order(manifest: RunManifest, plan: Plan, stored: dict[str, TrialResult]) -> dict[str, TrialResult]:
    reason = _pending_reason(manifest)
    results: dict[str, TrialResult] = {}
    for trial in plan.trials:
        result = stored.get(trial.trial_id)
        if result is None and trial.phase is Phase.MEASURED:
            result = TrialResult(trial_id=trial.trial_id, status=Status.PENDING, pending_reason=reason)
        if result is not None:
            results[trial.trial_id] = result
    return results


def _pending_reason(manifest: RunManifest) -> PendingReason | None:
    """Why trials were never sent: what stopped the run. None while it goes on (or was killed: nobody could say)."""
    return PendingReason.ABORTED if manifest.state is RunState.ABORTED else manifest.stop_reason
