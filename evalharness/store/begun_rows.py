"""Attempts that were written down before they were sent and never ended."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from evalharness.core.record import LostAttempt, RunManifest, RunState
from evalharness.store.lock import is_held


def read_begun(connection: sqlite3.Connection) -> tuple[LostAttempt, ...]:
    """Oldest first; of a run that goes on those in flight too."""
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


def read_lost(connection: sqlite3.Connection, folder: Path, manifest: RunManifest) -> tuple[LostAttempt, ...]:
    """Without those of the session that goes on, if one does."""
    begun = read_begun(connection)
    if begun and manifest.state is RunState.RUNNING and is_held(folder.parent):
        (now,) = connection.execute("SELECT max(session) FROM sessions").fetchone()
        return tuple(attempt for attempt in begun if attempt.session != now)
    return begun
