"""A trial result put together again from what ``numbers.py`` and ``result_texts.py`` made of it.

Damaged content raises ``ValueError``, ``KeyError`` or ``TypeError``.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import Json
from evalharness.core.record import Answer, Attempt, Call, Observed, Score, Stamps, ToolCall, Usage
from evalharness.store.arrivals import arrivals_of, unpack_gaps
from evalharness.store.numbers import (
    ATTEMPT,
    ATTEMPT_STATUS,
    CALL,
    CALL_STATUS,
    HTTP_OK,
    N_STAMPS,
    PASSED,
    PURPOSE,
    RESULT,
    SCORE,
    SOURCE,
    TOKENS,
    Session,
    sum_usd,
    usually_passed,
)
from evalharness.store.result_texts import REPORTED, TEXTS, USUAL_SOURCE
from evalharness.store.words import float_of, float_of_bits, read_record, signed, unpack_words, unzigzag

_CALL_STATUSES, _PURPOSES = tuple(CALL_STATUS), tuple(PURPOSE)
_ATTEMPT_STATUSES, _SOURCES, _PASSED_OF = tuple(ATTEMPT_STATUS), tuple(SOURCE), tuple(PASSED)
_NO_TOKENS = [None] * len(TOKENS)
_INT64 = range(-(2**63), 2**63)
_NOTHING_SAID: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the results of a run have in common, by number: (grader id, grader) and bodies of requests among them."""

    sessions: Mapping[int, Session]
    graders: Mapping[int, tuple[str, str]]
    bodies: Mapping[int, Mapping[str, Json]]


class Packed:
    """The two byte strings of a result, read from front to end: ``head``, its ``calls``, then its ``scores``."""

    def __init__(self, words: bytes, gaps: bytes) -> None:
        self._words = unpack_words(words)
        self._word_at = 0
        self._gaps = gaps
        self._gap_at = 0

    def record(self, fields: tuple[str, ...]) -> tuple[int | None, ...]:
        values, self._word_at = read_record(self._words, self._word_at, len(fields))
        return values

    def arrivals_ns(self, first_ns: int | None, n: int) -> array[int]:
        if first_ns is None:
            return array("q")
        gaps_us, self._gap_at = unpack_gaps(self._gaps, self._gap_at, n - 1)
        return arrivals_of(first_ns, gaps_us)

    @property
    def has_more(self) -> bool:
        return self._word_at < len(self._words)


def calls_and_cost(
    packed: Packed, texts: list[dict[str, Any]], session: Session, bodies: Mapping[int, Mapping[str, Json]]
) -> tuple[tuple[Call, ...], float | None]:
    n_calls, billionths, bits, unknown = packed.record(RESULT)
    if len(texts) != (1 if n_calls is None else n_calls):
        raise ValueError("the texts of a result are not those of its calls")
    calls = tuple([_call(packed, said, session, bodies) for said in texts])
    if unknown is not None:
        return calls, None
    own_usd = float_of(billionths, bits)
    return calls, sum_usd(call.cost_usd for call in calls) if own_usd is None else own_usd


def scores(packed: Packed, reasons: Mapping[str, str], graders: Mapping[int, tuple[str, str]]) -> dict[str, Score]:
    """By grader id, in the order in which they were given."""
    found: dict[str, Score] = {}
    while packed.has_more:
        number, billionths, bits, passed = packed.record(SCORE)
        value = float_of(billionths, bits)
        grader_id, grader = graders[number or 0]
        found[grader_id] = Score(
            grader=grader,
            value=value,
            passed=usually_passed(value) if passed is None else _PASSED_OF[passed],
            reason=reasons.get(str(len(found))),
        )
    return found


def _call(packed: Packed, said: dict[str, Any], session: Session, bodies: Mapping[int, Mapping[str, Json]]) -> Call:
    since, utc_off, *tokens, billionths, bits, n_attempts, status, turn_index, purpose = packed.record(CALL)
    since_ns = since or 0
    intended_ns = signed(session.monotonic_ns + since_ns)
    n_tried = 1 if n_attempts is None else n_attempts
    attempts_said = said.get("attempts") or [_NOTHING_SAID] * n_tried
    if len(attempts_said) != n_tried:
        raise ValueError("the texts of a call are not those of its attempts")
    return Call(
        purpose=_PURPOSES[purpose or 0],
        turn_index=turn_index or 0,
        request=bodies[said["request"]],
        status=_CALL_STATUSES[status or 0],
        intended_ns=intended_ns,
        intended_utc_ns=signed(session.utc_ns + since_ns + unzigzag(utc_off or 0)),
        attempts=tuple([_attempt(packed, place, intended_ns, own) for place, own in enumerate(attempts_said)]),
        answer=_answer(said),
        usage=_usage(tokens, said.get("usage_source")),
        failure=failure_from(said.get("failure")),
        anomalies=tuple(said.get("anomalies", ())),
        cost_usd=float_of(billionths, bits),
    )


def _usage(tokens: list[int | None], source: str | None) -> Usage | None:
    if source is None and tokens == _NO_TOKENS:
        return None
    input_tokens, cached_tokens, output_tokens, reasoning_tokens = tokens
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=cached_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning_tokens,
        source=USUAL_SOURCE if source is None else source,
    )


def _answer(said: dict[str, Any]) -> Answer:
    texts: dict[str, Any] = {name: said[name] for name in TEXTS if name in said}
    texts |= {name: sys.intern(said[name]) for name in REPORTED if name in said}
    return Answer(
        **texts,
        tool_calls=tuple(ToolCall(**sent) for sent in said.get("tool_calls", ())),
        items=tuple(said.get("items", ())),
    )


def _attempt(packed: Packed, position: int, intended_ns: int, said: Mapping[str, Any]) -> Attempt:
    record = packed.record(ATTEMPT)
    n_arrivals, more_events, more_deltas, more_reads, http_status, reused = record[N_STAMPS : N_STAMPS + 6]
    status, connect_ns, index_off, wait_bits, first_reasoning_error_ns = record[N_STAMPS + 12 :]
    n = n_arrivals or 0
    return Attempt(
        index=position + (index_off or 0),
        status=_ATTEMPT_STATUSES[status or 0],
        stamps=_stamps(packed, record[:N_STAMPS], intended_ns, connect_ns, n),
        wait_ms=0.0 if wait_bits is None else float_of_bits(wait_bits),
        http_status=None if http_status is None else HTTP_OK + unzigzag(http_status),
        failure=failure_from(said.get("failure")),
        connection_reused=None if reused is None else bool(reused),
        n_events=n if more_events is None else n + unzigzag(more_events),
        n_deltas=n if more_deltas is None else n + unzigzag(more_deltas),
        n_reads=n if more_reads is None else n + unzigzag(more_reads),
        unknown_events=said.get("unknown_events", {}),
        request_id=said.get("request_id"),
        partial_text=said.get("partial_text"),
        observed=_observed(record[N_STAMPS + 6 : N_STAMPS + 12], first_reasoning_error_ns),
    )


def _stamps(
    packed: Packed, chain: tuple[int | None, ...], at_ns: int, connect_ns: int | None, n_arrivals: int
) -> Stamps:
    stamps: list[int | None] = []
    for difference in chain:
        if difference is None:
            stamps.append(None)
        else:
            at_ns = at_ns + difference
            if at_ns not in _INT64:
                at_ns = signed(at_ns)
            stamps.append(at_ns)
    sent, headers, first_event, first_reasoning, first_output, first_delta, last_output, done, closed = stamps
    return Stamps(
        sent_ns=sent,
        headers_ns=headers,
        first_event_ns=first_event,
        first_reasoning_ns=first_reasoning,
        first_output_ns=first_output,
        last_output_ns=last_output,
        done_ns=done,
        closed_ns=closed,
        connect_ns=connect_ns,
        deltas_ns=packed.arrivals_ns(first_delta, n_arrivals),
    )


def _observed(record: tuple[int | None, ...], first_reasoning_error_ns: int | None) -> Observed | None:
    source, send_ns, max_lag_ns, first_output_error_ns, done_error_ns, n_coalesced = record
    if source is None:
        return None
    return Observed(
        source=_SOURCES[source],
        send_ns=send_ns or 0,
        max_lag_ns=max_lag_ns or 0,
        n_coalesced=n_coalesced or 0,
        first_output_error_ns=first_output_error_ns,
        done_error_ns=done_error_ns,
        first_reasoning_error_ns=first_reasoning_error_ns,
    )


def failure_from(said: dict[str, Any] | None) -> Failure | None:
    if said is None:
        return None
    clock = said.get("clock")
    return Failure(**said | {"kind": FailureKind(said["kind"]), "clock": clock and Clock(clock)})
