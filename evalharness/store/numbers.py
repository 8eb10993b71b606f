"""The numbers of a trial result as two short byte strings, and back: its words (``words.py``) and its gaps.

Words are records of optional fields, one after the other: the result, each call followed by its attempts, the scores.
What is as it nearly always is takes no byte: no retry, costs that add up, as many reads as deltas. Stamps are
differences from the one before, in the order in which things happen, beginning at the call's intended start; that one
counts from the session's.

``RESULT``, ``CALL``, ``ATTEMPT`` and ``SCORE`` name the fields in their order. Append, never reorder: files hold them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.core.model import Status
from evalharness.core.record import (
    Attempt,
    AttemptStatus,
    Call,
    Observed,
    Purpose,
    Stamps,
    StampSource,
    TrialResult,
)
from evalharness.store.arrivals import arrivals_of, gaps_us_of, pack_gaps, unpack_gaps
from evalharness.store.words import (
    add_record,
    bits_of,
    float_of,
    float_of_bits,
    float_words,
    pack_words,
    read_record,
    signed,
    unpack_words,
    unzigzag,
    zigzag,
)

#: ``n_calls`` where it is not 1; a cost where it is not the sum of those of the calls.
RESULT = ("n_calls", "cost_billionths", "cost_bits", "cost_unknown")
#: ``utc_off_ns``: how far the wall clock has moved against the monotonic one since the session began.
CALL = (
    *("intended_ns", "utc_off_ns", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"),
    *("cost_billionths", "cost_bits", "n_attempts", "status", "turn_index", "purpose"),
)
#: The chain of stamps; ``first_delta`` is the first of the arrivals.
CHAIN = (
    *("sent", "headers", "first_event", "first_reasoning", "first_output", "first_delta", "last_output", "done"),
    "closed",
)
#: ``n_arrivals`` is how many arrivals there are; the other counts are what they exceed it by. What nearly every attempt
#: has comes first: flags at the end take a byte only where one is set.
ATTEMPT = (
    *(f"{name}_ns" for name in CHAIN),
    *("n_arrivals", "n_events", "n_deltas", "n_reads", "http_status", "reused"),
    *("source", "send_ns", "max_lag_ns", "first_output_error_ns", "done_error_ns"),
    *("n_coalesced", "status", "connect_ns", "position", "wait_bits"),
)
#: ``passed`` only where it is not what a threshold of 1 makes of the value.
SCORE = ("grader", "value_billionths", "value_bits", "passed")

CALL_STATUS = {Status.OK: 0, Status.INCOMPLETE: 1, Status.REFUSED: 2, Status.ERROR: 3, Status.PENDING: 4}
PURPOSE = {Purpose.SUBJECT: 0, Purpose.JUDGE: 1}
ATTEMPT_STATUS = {AttemptStatus.OK: 0, AttemptStatus.ERROR: 1, AttemptStatus.UNKNOWN: 2}
SOURCE = {StampSource.USER: 0, StampSource.KERNEL: 1}
HTTP_OK = 200
_PASSED: dict[bool | None, int] = {None: 0, False: 1, True: 2}

_CALL_STATUSES, _PURPOSES = tuple(CALL_STATUS), tuple(PURPOSE)
_ATTEMPT_STATUSES, _SOURCES = tuple(ATTEMPT_STATUS), tuple(SOURCE)
_PASSED_OF = tuple(_PASSED)
_TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_NO_TOKENS = [None] * len(_TOKENS)
_AFTER_CHAIN = len(CHAIN)
_AFTER_SEEN = _AFTER_CHAIN + 6
_STAMPS = tuple("" if name == "first_delta" else f"{name}_ns" for name in CHAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One start of a run and what its clocks said then: the origin of its stamps."""

    number: int
    monotonic_ns: int
    utc_ns: int


# ---------------------------------------------------------------- writing


def pack(result: TrialResult, session: Session, graders: Mapping[tuple[str, str], int]) -> tuple[bytes, bytes]:
    """(words, gaps) of ``result``. ``graders``: the number of each (grader id, grader)."""
    words: list[int] = []
    gaps: list[bytes] = []
    n_calls = len(result.calls)
    add_record(words, (None if n_calls == 1 else n_calls, *_cost_words(result)))
    for call in result.calls:
        _add_call(words, call, session)
        for position, attempt in enumerate(call.attempts):
            _add_attempt(words, attempt, position, call.intended_ns)
            gaps.append(pack_gaps(gaps_us_of(attempt.stamps.deltas_ns)))
    for grader_id, score in result.scores.items():
        passed = None if score.passed is _usually_passed(score.value) else _PASSED[score.passed]
        add_record(words, (graders[grader_id, score.grader], *float_words(score.value), passed))
    return pack_words(words), b"".join(gaps)


def _cost_words(result: TrialResult) -> tuple[int | None, int | None, int | None]:
    if result.cost_usd == _sum_usd(call.cost_usd for call in result.calls):
        return None, None, None
    return *float_words(result.cost_usd), (0 if result.cost_usd is None else None)


def _sum_usd(costs: Iterable[float | None]) -> float | None:
    """None without any, and where one is not known."""
    known = list(costs)
    return None if not known or None in known else sum(cost for cost in known if cost is not None)


def _usually_passed(value: float | None) -> bool | None:
    return None if value is None else value >= 1


def _add_call(words: list[int], call: Call, session: Session) -> None:
    usage = call.usage
    intended_ns = call.intended_ns - session.monotonic_ns
    add_record(
        words,
        (
            intended_ns,
            zigzag(signed(call.intended_utc_ns - session.utc_ns - intended_ns)),
            *(None if usage is None else getattr(usage, name) for name in _TOKENS),
            *float_words(call.cost_usd),
            None if len(call.attempts) == 1 else len(call.attempts),
            CALL_STATUS[call.status] or None,
            call.turn_index or None,
            PURPOSE[call.purpose] or None,
        ),
    )


def _add_attempt(words: list[int], attempt: Attempt, position: int, intended_ns: int) -> None:
    stamps, seen = attempt.stamps, attempt.observed
    n_arrivals = len(stamps.deltas_ns)
    add_record(
        words,
        (
            *_differences(stamps, intended_ns),
            n_arrivals or None,
            *(zigzag(count - n_arrivals) or None for count in (attempt.n_events, attempt.n_deltas, attempt.n_reads)),
            None if attempt.http_status is None else zigzag(attempt.http_status - HTTP_OK),
            attempt.connection_reused,
            *((None,) * 6 if seen is None else _observed_words(seen)),
            ATTEMPT_STATUS[attempt.status] or None,
            stamps.connect_ns,
            attempt.index - position or None,
            bits_of(attempt.wait_ms) or None,
        ),
    )


def _observed_words(seen: Observed) -> tuple[int | None, ...]:
    return (
        *(SOURCE[seen.source], seen.send_ns or None, seen.max_lag_ns or None, seen.first_output_error_ns),
        *(seen.done_error_ns, seen.n_coalesced or None),
    )


def _differences(stamps: Stamps, before_ns: int) -> list[int | None]:
    differences: list[int | None] = []
    for name in _STAMPS:
        at_ns = getattr(stamps, name) if name else stamps.deltas_ns[0] if stamps.deltas_ns else None
        if at_ns is None:
            differences.append(None)
        else:
            differences.append(at_ns - before_ns)
            before_ns = at_ns
    return differences


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """Keyword arguments of the types: of each call with those of its attempts, of each score with its grader's number.

    What is text is not among them.
    """

    cost_usd: float | None
    calls: list[tuple[dict[str, Any], list[dict[str, Any]]]]
    scores: list[tuple[int, dict[str, Any]]]


def unpack(words: bytes, gaps: bytes, session: Session) -> Unpacked:
    """What ``pack`` made. Raises ``ValueError`` for damaged bytes."""
    stream = _Stream(words, gaps)
    n_calls, *cost = stream.record(RESULT)
    calls = [_call(stream, session) for _ in range(1 if n_calls is None else n_calls)]
    scores = []
    while not stream.is_over:
        scores.append(_score(stream.record(SCORE)))
    return Unpacked(cost_usd=_cost_usd(cost, calls), calls=calls, scores=scores)


class _Stream:
    """The two byte strings, read from front to end."""

    def __init__(self, words: bytes, gaps: bytes) -> None:
        self._words = unpack_words(words)
        self._word_at = 0
        self._gaps = gaps
        self._gap_at = 0

    @property
    def is_over(self) -> bool:
        return self._word_at >= len(self._words)

    def record(self, fields: tuple[str, ...]) -> list[int | None]:
        values, self._word_at = read_record(self._words, self._word_at, len(fields))
        return values

    def gaps_us(self, n_gaps: int) -> list[int]:
        gaps_us, self._gap_at = unpack_gaps(self._gaps, self._gap_at, n_gaps)
        return gaps_us


def _cost_usd(cost: list[int | None], calls: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> float | None:
    billionths, bits, unknown = cost
    if unknown is not None:
        return None
    own_usd = float_of(billionths, bits)
    return _sum_usd(call["cost_usd"] for call, _ in calls) if own_usd is None else own_usd


def _call(stream: _Stream, session: Session) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    since, utc_off, *tokens, billionths, bits, n_attempts, status, turn_index, purpose = stream.record(CALL)
    since_ns = since or 0
    intended_ns = signed(session.monotonic_ns + since_ns)
    call = {
        "purpose": _PURPOSES[purpose or 0],
        "turn_index": turn_index or 0,
        "status": _CALL_STATUSES[status or 0],
        "intended_ns": intended_ns,
        "intended_utc_ns": signed(session.utc_ns + since_ns + unzigzag(utc_off or 0)),
        "usage": None if tokens == _NO_TOKENS else dict(zip(_TOKENS, tokens, strict=True)),
        "cost_usd": float_of(billionths, bits),
    }
    n_tried = 1 if n_attempts is None else n_attempts
    return call, [_attempt(stream, position, intended_ns) for position in range(n_tried)]


def _attempt(stream: _Stream, position: int, intended_ns: int) -> dict[str, Any]:
    record = stream.record(ATTEMPT)
    n_arrivals = record[_AFTER_CHAIN] or 0
    http_status, reused = record[_AFTER_CHAIN + 4 : _AFTER_SEEN]
    n_coalesced, status, connect_ns, index_off, wait_bits = record[-5:]
    n_events, n_deltas, n_reads = (
        n_arrivals + unzigzag(more or 0) for more in record[_AFTER_CHAIN + 1 : _AFTER_CHAIN + 4]
    )
    return {
        "index": position + (index_off or 0),
        "status": _ATTEMPT_STATUSES[status or 0],
        "stamps": _stamps(record[:_AFTER_CHAIN], intended_ns, connect_ns, stream.gaps_us(max(0, n_arrivals - 1))),
        "wait_ms": 0.0 if wait_bits is None else float_of_bits(wait_bits),
        "http_status": None if http_status is None else HTTP_OK + unzigzag(http_status),
        "connection_reused": None if reused is None else bool(reused),
        "n_events": n_events,
        "n_deltas": n_deltas,
        "n_reads": n_reads,
        "observed": _observed(record[_AFTER_SEEN:-5], n_coalesced),
    }


def _stamps(chain: list[int | None], at_ns: int, connect_ns: int | None, gaps_us: list[int]) -> Stamps:
    stamps: list[int | None] = []
    for difference in chain:
        if difference is not None:
            at_ns = signed(at_ns + difference)
        stamps.append(None if difference is None else at_ns)
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
        deltas_ns=array("q") if first_delta is None else arrivals_of(first_delta, gaps_us),
    )


def _observed(record: list[int | None], n_coalesced: int | None) -> Observed | None:
    source, send_ns, max_lag_ns, first_output_error_ns, done_error_ns = record
    if source is None:
        return None
    return Observed(
        source=_SOURCES[source],
        send_ns=send_ns or 0,
        max_lag_ns=max_lag_ns or 0,
        n_coalesced=n_coalesced or 0,
        first_output_error_ns=first_output_error_ns,
        done_error_ns=done_error_ns,
    )


def _score(record: list[int | None]) -> tuple[int, dict[str, Any]]:
    grader, billionths, bits, passed = record
    value = float_of(billionths, bits)
    return grader or 0, {"value": value, "passed": _usually_passed(value) if passed is None else _PASSED_OF[passed]}
