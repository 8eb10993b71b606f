"""A stored run, read back. Never writes, so a run can be read while it goes on and from a read-only medium."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from evalharness.core.errors import StoreError
from evalharness.core.model import PendingReason, Phase, Status
from evalharness.core.record import LostAttempt, RunManifest, RunRecord, RunState, TrialResult
from evalharness.store.begun_rows import read_begun, read_lost
from evalharness.store.connect import reading
from evalharness.store.loaded import LoadedResults
from evalharness.store.plan_rows import read_manifest, read_observers, read_plan, trial_positions
from evalharness.store.result_rows import (
    read_placed_rows,
    read_rows,
    read_shared,
    read_superseded_rows,
    result_of,
)


def load(folder: Path) -> RunRecord:
    """The run in ``folder``: results in the plan's order, those of trials that never ended as pending.

    Stamps come back to the nanosecond, arrivals of deltas to half a microsecond. Results are made into objects when
    they are asked for; that of a damaged row raises ``ValueError``. Raises ``StoreError``.
    """
    with reading(folder) as connection:
        manifest = _manifest(connection, folder)
        plan = read_plan(connection)
        results = LoadedResults(
            plan.trials,
            trial_positions(connection),
            read_placed_rows(connection),
            read_shared(connection),
            _pending_reason(manifest),
        )
        return RunRecord(
            manifest=manifest,
            plan=plan,
            results=results,
            observers=read_observers(connection),
            lost_attempts=read_lost(connection, folder, manifest),
        )


def finished_trial_ids(folder: Path) -> frozenset[str]:
    """Trials that ended in any way but pending. Raises ``StoreError``."""
    with reading(folder) as connection:
        rows = connection.execute(
            "SELECT trial_id FROM results JOIN trials ON position = result WHERE status != ?", (Status.PENDING.value,)
        )
        return frozenset(trial_id for (trial_id,) in rows)


def earlier_results(folder: Path) -> tuple[TrialResult, ...]:
    """Results that were asked again (``--retry-errors``, a stop in mid-trial), oldest first. Raises ``StoreError``."""
    with reading(folder) as connection:
        shared = read_shared(connection)
        return tuple(result_of(trial_id, row, shared) for trial_id, row in read_superseded_rows(connection))


def measured_ns(folder: Path) -> Mapping[int, int]:
    """Per step, for how long measured trials were in progress so far: the sum over sessions of the time from the first
    intended start to the last end. A step in which nothing was sent is left out. Raises ``StoreError``.
    """
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    with reading(folder) as connection:
        shared = read_shared(connection)
        step_of = {t.trial_id: t.step for t in read_plan(connection).trials if t.phase is Phase.MEASURED}
        for trial_id, row in chain(read_rows(connection), read_superseded_rows(connection)):
            if trial_id in step_of:
                where = step_of[trial_id], row.session
                seen = [*_stamps_ns(result_of(trial_id, row, shared)), *spans.get(where, ())]
                if seen:
                    spans[where] = min(seen), max(seen)
    measured: dict[int, int] = {}
    for (step, _), (first_ns, last_ns) in sorted(spans.items()):
        measured[step] = measured.get(step, 0) + last_ns - first_ns
    return measured


def _stamps_ns(result: TrialResult) -> list[int]:
    """When it was meant to start and when its calls ended; nothing where nothing was sent."""
    stamps = [attempt.stamps for call in result.calls for attempt in call.attempts]
    ends = [at_ns for own in stamps if (at_ns := own.closed_ns or own.done_ns) is not None]
    return [result.calls[0].intended_ns, *ends] if ends else []


def lost_attempts(folder: Path) -> tuple[LostAttempt, ...]:
    """Attempts that were begun and never ended, oldest first. Raises ``StoreError``.

    For whoever holds the run: while another process goes on with it, its attempts in flight are among them.
    """
    with reading(folder) as connection:
        return read_begun(connection)


def _manifest(connection: sqlite3.Connection, folder: Path) -> RunManifest:
    manifest = read_manifest(connection)
    if manifest is None:
        raise StoreError(f"{folder} holds no plan: the run was ended before it began", hint="delete the folder")
    return manifest


def _pending_reason(manifest: RunManifest) -> PendingReason | None:
    """Why trials were never sent: what stopped the run. None while it goes on (or was killed: nobody could say)."""
    return PendingReason.ABORTED if manifest.state is RunState.ABORTED else manifest.stop_reason
