"""Results as schema 1 kept them, a row for every part: read once, by the migration that packs them.

Frozen: files of that schema do not change any more.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, groupby
from typing import Any

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
from evalharness.store.bodies import read_bodies
from evalharness.store.cells import json_of, text_of

_STAMPS = (
    *("sent_ns", "headers_ns", "first_event_ns", "first_reasoning_ns", "first_output_ns", "last_output_ns", "done_ns"),
    *("closed_ns", "connect_ns"),
)
_TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
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
_HEADER = struct.Struct("<cq")


def read_results(connection: sqlite3.Connection, *, superseded: bool = False) -> Iterator[tuple[int, TrialResult]]:
    """(session, result) in the order they were committed: those that stand, or those that were asked again.

    The four tables are read side by side in the order of their keys, so that only one trial is assembled at a time.
    """
    bodies = read_bodies(connection)
    which = f"result_id IN (SELECT result_id FROM results_1 WHERE superseded = {int(superseded)})"
    calls_of = _by_owner(
        connection,
        f"SELECT {_columns('calls_1', _CALL)}, {_columns('outputs_1', _OUTPUT)}"
        f" FROM calls_1 JOIN outputs_1 USING (call) WHERE {which} ORDER BY call",
    )
    attempts_of = _by_owner(
        connection,
        f"SELECT {_columns('attempts_1', _ATTEMPT)} FROM attempts_1 JOIN calls_1 USING (call)"
        f" WHERE {which} ORDER BY call, position",
    )
    scores_of = _by_owner(
        connection, f"SELECT {', '.join(_SCORE)} FROM scores_1 WHERE {which} ORDER BY result_id, position"
    )
    rows = connection.execute(
        f"SELECT result_id, {', '.join(_RESULT)} FROM results_1 WHERE superseded = ? ORDER BY result_id", (superseded,)
    )
    for result_id, *cells in rows:
        row = dict(zip(_RESULT, cells, strict=True))
        reason = row["pending_reason"]
        yield (
            row["session"],
            TrialResult(
                trial_id=row["trial_id"],
                status=Status(row["status"]),
                calls=tuple(_call(cells, bodies, attempts_of) for cells in calls_of(result_id)),
                scores=dict(_score(cells) for cells in scores_of(result_id)),
                failure=_failure(row["failure"]),
                pending_reason=reason and PendingReason(reason),
                anomalies=tuple(json_of(row["anomalies"]) or ()),
                cost_usd=row["cost_usd"],
            ),
        )


_Row = tuple[Any, ...]


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
        failure=_failure(row["failure"]),
        anomalies=tuple(json_of(row["anomalies"]) or ()),
        cost_usd=row["cost_usd"],
    )


def _attempt(cells: _Row) -> Attempt:
    row = dict(zip(_ATTEMPT, cells, strict=True))
    reused = row["connection_reused"]
    return Attempt(
        index=row["attempt_index"],
        status=AttemptStatus(row["status"]),
        stamps=Stamps(deltas_ns=_arrivals(row["deltas"]), **{name: row[name] for name in _STAMPS}),
        wait_ms=row["wait_ms"],
        http_status=row["http_status"],
        failure=_failure(row["failure"]),
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


def _failure(cell: str | bytes | None) -> Failure | None:
    content = json_of(cell)
    if content is None:
        return None
    clock = content["clock"]
    return Failure(**content | {"kind": FailureKind(content["kind"]), "clock": clock and Clock(clock)})


def _arrivals(blob: bytes | None) -> array[int]:
    if blob is None:
        return array("q")
    code, first_ns = _HEADER.unpack_from(blob)
    planes = zlib.decompress(blob[_HEADER.size :])
    size = struct.calcsize(f"<{code.decode()}")
    n_gaps = len(planes) // size
    packed = bytearray(len(planes))
    for plane in range(size):
        packed[plane::size] = planes[plane * n_gaps : (plane + 1) * n_gaps]
    gaps_us = struct.unpack(f"<{n_gaps}{code.decode()}", packed)
    return array("q", (first_ns + offset_us * 1000 for offset_us in accumulate(gaps_us, initial=0)))
