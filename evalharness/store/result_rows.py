"""What was recorded of a trial as rows, and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from itertools import groupby
from typing import Any, TypeVar

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import Json, PendingReason, Status
from evalharness.core.record import (
    Answer,
    Attempt,
    AttemptStatus,
    Call,
    Purpose,
    Score,
    Stamps,
    ToolCall,
    TrialResult,
    Usage,
)
from evalharness.store.bodies import keep_body, read_bodies
from evalharness.store.cells import json_cell, json_of, pack_arrivals, text_cell, text_of, unpack_arrivals

_STAMPS = tuple(field.name for field in fields(Stamps) if field.name != "deltas_ns")
_TOKENS = tuple(field.name for field in fields(Usage) if field.name != "source")
_REPORTED = ("stop_reason", "response_id", "model_reported", "effort_reported", "tier_reported")

_RESULT = ("trial_id", "session", "status", "failure", "pending_reason", "anomalies", "cost_usd")
_CALL = (
    *("result_id", "purpose", "turn_index", "request", "status", "intended_ns", "intended_utc_ns", "failure"),
    *("anomalies", "cost_usd", *_TOKENS, "usage_source", *_REPORTED),
)
_OUTPUT = ("call", "text", "refusal", "reasoning_summary", "tool_calls", "items")
_ATTEMPT = (
    *("call", "position", "attempt_index", "status", "http_status", "failure", "connection_reused", "wait_ms"),
    *_STAMPS,
    *("deltas", "n_events", "n_deltas", "n_reads", "unknown_events", "request_id", "partial_text"),
)
_SCORE = ("result_id", "position", "grader_id", "grader", "value", "passed", "reason")


def _insertion(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_INSERT_RESULT = _insertion("results", _RESULT)
_INSERT_CALL = _insertion("calls", _CALL)
_INSERT_OUTPUT = _insertion("outputs", _OUTPUT)
_INSERT_ATTEMPT = _insertion("attempts", _ATTEMPT)
_INSERT_SCORE = _insertion("scores", _SCORE)

# ---------------------------------------------------------------- writing


def write_result(connection: sqlite3.Connection, result: TrialResult, *, session: int) -> None:
    """Insert the result with all that belongs to it; what the trial began in this session has thereby ended.

    A stored pending result is superseded. Raises ``sqlite3.IntegrityError`` for a trial that is not planned or has
    ended already.
    """
    trial_id = result.trial_id
    connection.execute("DELETE FROM begun_attempts WHERE trial_id = ? AND session = ?", (trial_id, session))
    connection.execute(
        "UPDATE results SET superseded = 1 WHERE trial_id = ? AND superseded = 0 AND status = ?",
        (trial_id, Status.PENDING.value),
    )
    row = (
        *(trial_id, session, result.status.value, _failure_cell(result.failure)),
        result.pending_reason and result.pending_reason.value,
        *(_optional_json(result.anomalies), result.cost_usd),
    )
    result_id = connection.execute(_INSERT_RESULT, row).lastrowid
    assert result_id is not None
    for call in result.calls:
        _write_call(connection, result_id, call)
    connection.executemany(
        _INSERT_SCORE,
        (
            (
                *(result_id, position, text_cell(grader_id), text_cell(score.grader)),
                *(score.value, score.passed, text_cell(score.reason)),
            )
            for position, (grader_id, score) in enumerate(result.scores.items())
        ),
    )


def _write_call(connection: sqlite3.Connection, result_id: int, call: Call) -> None:
    usage, answer = call.usage, call.answer
    row = (
        *(result_id, call.purpose.value, call.turn_index, keep_body(connection, call.request), call.status.value),
        *(call.intended_ns, call.intended_utc_ns, _failure_cell(call.failure), _optional_json(call.anomalies)),
        call.cost_usd,
        *(usage and getattr(usage, name) for name in _TOKENS),
        usage and text_cell(usage.source),
        *(text_cell(getattr(answer, name)) for name in _REPORTED),
    )
    number = connection.execute(_INSERT_CALL, row).lastrowid
    assert number is not None
    connection.execute(
        _INSERT_OUTPUT,
        (
            *(number, text_cell(answer.text), text_cell(answer.refusal), text_cell(answer.reasoning_summary)),
            *(_optional_json([asdict(tool_call) for tool_call in answer.tool_calls]), _optional_json(answer.items)),
        ),
    )
    connection.executemany(
        _INSERT_ATTEMPT,
        (_attempt_row(number, position, attempt) for position, attempt in enumerate(call.attempts)),
    )


def _attempt_row(call: int, position: int, attempt: Attempt) -> tuple[Any, ...]:
    stamps = attempt.stamps
    return (
        *(call, position, attempt.index, attempt.status.value, attempt.http_status, _failure_cell(attempt.failure)),
        *(attempt.connection_reused, attempt.wait_ms),
        *(getattr(stamps, name) for name in _STAMPS),
        *(pack_arrivals(stamps.deltas_ns), attempt.n_events, attempt.n_deltas, attempt.n_reads),
        *(_optional_json(attempt.unknown_events), text_cell(attempt.request_id), text_cell(attempt.partial_text)),
    )


def _failure_cell(failure: Failure | None) -> str | bytes | None:
    return None if failure is None else json_cell(asdict(failure))


def _optional_json(value: Any) -> str | bytes | None:
    """Most of these are empty in most rows: an empty one is no text at all."""
    return json_cell(value) if value else None


# ---------------------------------------------------------------- reading


def read_results(connection: sqlite3.Connection, *, superseded: bool = False) -> Iterator[TrialResult]:
    """The stored results in the order they were committed: those that stand, or those that were asked again.

    The four tables are read side by side in the order of their keys, so that only one trial is assembled at a time.
    """
    bodies = read_bodies(connection)
    which = f"result_id IN (SELECT result_id FROM results WHERE superseded = {int(superseded)})"
    calls_of = _by_owner(
        connection,
        f"SELECT {_columns('calls', _CALL)}, {_columns('outputs', _OUTPUT)} FROM calls JOIN outputs USING (call)"
        f" WHERE {which} ORDER BY call",
    )
    attempts_of = _by_owner(
        connection,
        f"SELECT {_columns('attempts', _ATTEMPT)} FROM attempts JOIN calls USING (call)"
        f" WHERE {which} ORDER BY call, position",
    )
    scores_of = _by_owner(
        connection, f"SELECT {', '.join(_SCORE)} FROM scores WHERE {which} ORDER BY result_id, position"
    )
    rows = connection.execute(
        f"SELECT result_id, {', '.join(_RESULT)} FROM results WHERE superseded = ? ORDER BY result_id", (superseded,)
    )
    for result_id, *cells in rows:
        row = dict(zip(_RESULT, cells, strict=True))
        reason = row["pending_reason"]
        yield TrialResult(
            trial_id=row["trial_id"],
            status=Status(row["status"]),
            calls=tuple(_call(cells, bodies, attempts_of) for cells in calls_of(result_id)),
            scores=dict(_score(cells) for cells in scores_of(result_id)),
            failure=failure_of(row["failure"]),
            pending_reason=reason and PendingReason(reason),
            anomalies=tuple(json_of(row["anomalies"]) or ()),
            cost_usd=row["cost_usd"],
        )


_Row = tuple[Any, ...]
_T = TypeVar("_T")


def _columns(table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _by_owner(connection: sqlite3.Connection, query: str) -> Callable[[int], list[_Row]]:
    """A function that gives the rows whose first column is the number asked for; ask in rising order, once each."""
    groups = groupby(connection.execute(query), key=lambda row: row[0])
    following = next(groups, None)

    def rows_of(owner: int) -> list[_Row]:
        nonlocal following
        if following is None or following[0] != owner:
            return []
        rows = list(following[1])
        following = next(groups, None)
        return rows

    return rows_of


def _call(cells: _Row, bodies: Mapping[int, Mapping[str, Json]], attempts_of: Callable[[int], list[_Row]]) -> Call:
    row = dict(zip(_CALL, cells, strict=False))
    output = dict(zip(_OUTPUT, cells[len(_CALL) :], strict=True))
    source = row["usage_source"]
    return Call(
        purpose=Purpose(row["purpose"]),
        turn_index=row["turn_index"],
        request=bodies[row["request"]],
        status=Status(row["status"]),
        intended_ns=row["intended_ns"],
        intended_utc_ns=row["intended_utc_ns"],
        attempts=tuple(_attempt(cells) for cells in attempts_of(output["call"])),
        answer=Answer(
            text=text_of(output["text"]) or "",
            refusal=text_of(output["refusal"]),
            reasoning_summary=text_of(output["reasoning_summary"]),
            tool_calls=tuple(ToolCall(**sent) for sent in json_of(output["tool_calls"]) or ()),
            items=tuple(json_of(output["items"]) or ()),
            **{name: text_of(row[name]) for name in _REPORTED},
        ),
        usage=None if source is None else Usage(source=text_of(source) or "", **{name: row[name] for name in _TOKENS}),
        failure=failure_of(row["failure"]),
        anomalies=tuple(json_of(row["anomalies"]) or ()),
        cost_usd=row["cost_usd"],
    )


def _attempt(cells: _Row) -> Attempt:
    row = dict(zip(_ATTEMPT, cells, strict=True))
    reused = row["connection_reused"]
    return Attempt(
        index=row["attempt_index"],
        status=AttemptStatus(row["status"]),
        stamps=Stamps(deltas_ns=unpack_arrivals(row["deltas"]), **{name: row[name] for name in _STAMPS}),
        wait_ms=row["wait_ms"],
        http_status=row["http_status"],
        failure=failure_of(row["failure"]),
        connection_reused=None if reused is None else bool(reused),
        n_events=row["n_events"],
        n_deltas=row["n_deltas"],
        n_reads=row["n_reads"],
        unknown_events=json_of(row["unknown_events"]) or {},
        request_id=text_of(row["request_id"]),
        partial_text=text_of(row["partial_text"]),
    )


def _score(cells: _Row) -> tuple[str, Score]:
    _, _, grader_id, grader, value, passed, reason = cells
    return text_of(grader_id) or "", Score(
        grader=text_of(grader) or "",
        value=value,
        passed=None if passed is None else bool(passed),
        reason=text_of(reason),
    )


def failure_of(cell: str | bytes | None) -> Failure | None:
    content = json_of(cell)
    if content is None:
        return None
    clock = content["clock"]
    return Failure(**content | {"kind": FailureKind(content["kind"]), "clock": clock and Clock(clock)})
