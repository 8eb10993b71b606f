"""What was recorded of a trial as rows, and back: its numbers packed in one, what is text beside them in another.

A result has the number of its trial's position in the plan. One that was asked again has a negative one, and a row in
``superseded`` that says of which trial it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from evalharness.core.model import PendingReason, Status
from evalharness.core.record import TrialResult
from evalharness.store.bodies import keep_body, read_bodies
from evalharness.store.cells import TextCell, json_cell, json_of, text_cell, text_of
from evalharness.store.numbers import Session, pack
from evalharness.store.result_texts import remarks_of, texts_of
from evalharness.store.unpacking import Packed, Shared, calls_and_cost, failure_from, scores

# ---------------------------------------------------------------- writing


def write_result(connection: sqlite3.Connection, result: TrialResult, *, session: Session) -> int:
    """Insert the result with all that belongs to it; what the trial began in this session has thereby ended.

    Returns the position of the trial. A stored pending result is superseded. Raises ``ValueError`` for a trial that is
    not planned and ``sqlite3.IntegrityError`` for one that has ended already.
    """
    row = connection.execute("SELECT position FROM trials WHERE trial_id = ?", (result.trial_id,)).fetchone()
    if row is None:
        raise ValueError("the trial is not planned")
    position = int(row[0])
    connection.execute(
        "DELETE FROM begun_attempts WHERE trial_id = ? AND session = ?", (result.trial_id, session.number)
    )
    stands = connection.execute("SELECT status FROM results WHERE result = ?", (position,)).fetchone()
    if stands == (Status.PENDING.value,):
        supersede(connection, position)
    graders = {
        (grader_id, score.grader): _keep_grader(connection, grader_id, score.grader)
        for grader_id, score in result.scores.items()
    }
    remarks = remarks_of(result)
    words, gaps = pack(result, session, graders)
    connection.execute(
        "INSERT INTO results (result, session, status, numbers, gaps, remarks) VALUES (?, ?, ?, ?, ?, ?)",
        (position, session.number, result.status.value, words, gaps or None, json_cell(remarks) if remarks else None),
    )
    if result.calls:
        calls = [texts_of(call, keep_body(connection, call.request)) for call in result.calls]
        connection.execute("INSERT INTO outputs (result, calls) VALUES (?, ?)", (position, json_cell(calls)))
    return position


def supersede(connection: sqlite3.Connection, position: int) -> None:
    """Let the trial at ``position`` be asked again: what is stored of it stays, under another number."""
    (number,) = connection.execute("SELECT min(min(result), 0) - 1 FROM results").fetchone()
    moved = connection.execute("UPDATE results SET result = ? WHERE result = ?", (number, position))
    if moved.rowcount:
        connection.execute("INSERT INTO superseded (result, trial) VALUES (?, ?)", (number, position))


def _keep_grader(connection: sqlite3.Connection, grader_id: str, grader: str) -> int:
    cells = (text_cell(grader_id), text_cell(grader))
    query = "SELECT grader FROM graders WHERE grader_id = ? AND type = ?"
    row = connection.execute(query, cells).fetchone()
    if row is None:
        connection.execute("INSERT INTO graders (grader_id, type) VALUES (?, ?)", cells)
        row = connection.execute(query, cells).fetchone()
    return int(row[0])


# ---------------------------------------------------------------- reading


class Row(NamedTuple):
    """One result as it is stored. ``calls``: the bytes of the cell of ``outputs``; None without a call."""

    session: int
    status: str
    numbers: bytes
    gaps: bytes | None
    remarks: TextCell
    calls: bytes | None


_ROW = "session, status, numbers, gaps, remarks, CAST(calls AS BLOB) FROM results LEFT JOIN outputs USING (result)"


def read_shared(connection: sqlite3.Connection) -> Shared:
    return Shared(
        sessions={
            number: Session(number=number, monotonic_ns=monotonic_ns, utc_ns=utc_ns)
            for number, monotonic_ns, utc_ns in connection.execute("SELECT session, monotonic_ns, utc_ns FROM sessions")
        },
        graders={
            number: (text_of(grader_id) or "", text_of(grader) or "")
            for number, grader_id, grader in connection.execute("SELECT grader, grader_id, type FROM graders")
        },
        bodies=read_bodies(connection),
    )


def read_rows(connection: sqlite3.Connection) -> Iterator[tuple[str, Row]]:
    """(trial id, row) of the results that stand, in the plan's order."""
    query = f"SELECT trial_id, {_ROW} JOIN trials ON position = result WHERE result > 0 ORDER BY result"
    return ((trial_id, Row._make(cells)) for trial_id, *cells in connection.execute(query))


def read_placed_rows(connection: sqlite3.Connection) -> Iterator[tuple[int, Row]]:
    """(position of the trial, row) of the results that stand, in the plan's order."""
    query = f"SELECT result, {_ROW} WHERE result > 0 ORDER BY result"
    return ((position, Row._make(cells)) for position, *cells in connection.execute(query))


def read_superseded_rows(connection: sqlite3.Connection) -> Iterator[tuple[str, Row]]:
    """(trial id, row) of the results that were asked again, oldest first."""
    query = (
        f"SELECT trial_id, {_ROW} JOIN superseded USING (result) JOIN trials ON position = trial ORDER BY result DESC"
    )
    return ((trial_id, Row._make(cells)) for trial_id, *cells in connection.execute(query))


def result_of(trial_id: str, row: Row, shared: Shared) -> TrialResult:
    """The result a row stands for. Raises ``ValueError``, ``KeyError`` or ``TypeError`` for a damaged one."""
    packed = Packed(row.numbers, row.gaps or b"")
    remarks = json_of(row.remarks) if row.remarks else {}
    texts = json_of(row.calls) if row.calls else []
    calls, cost_usd = calls_and_cost(packed, texts, shared.sessions[row.session], shared.bodies)
    reason = remarks.get("pending_reason")
    return TrialResult(
        trial_id=trial_id,
        status=Status(row.status),
        calls=calls,
        scores=scores(packed, remarks.get("reasons", {}), shared.graders),
        failure=failure_from(remarks.get("failure")),
        pending_reason=reason and PendingReason(reason),
        anomalies=tuple(remarks.get("anomalies", ())),
        cost_usd=cost_usd,
    )
