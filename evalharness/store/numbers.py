"""The numbers of a trial result as two short byte strings: its words (``words.py``) and its gaps (``arrivals.py``).

Words are records of optional fields, one after the other: the result, each call followed by its attempts, the scores.
What is as it nearly always is takes no byte: no retry, costs that add up, as many reads as deltas. Stamps are
differences from the one before, in the order in which things happen, beginning at the call's intended start; that one
counts from the session's.

``RESULT``, ``CALL``, ``ATTEMPT`` and ``SCORE`` name the fields in their order. Append, never reorder: files hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
from evalharness.store.arrivals import gaps_us_of, pack_gaps
from evalharness.store.words import (
    add_record,
    bits_of,
    float_words,
    pack_words,
    signed,
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
N_STAMPS = len(CHAIN)
#: ``n_arrivals`` is how many arrivals there are; the other counts are what they exceed it by. What nearly every attempt
#: has comes first: flags at the end take a byte only where one is set.
ATTEMPT = (
    *(f"{name}_ns" for name in CHAIN),
    *("n_arrivals", "n_events", "n_deltas", "n_reads", "http_status", "reused"),
    *("source", "send_ns", "max_lag_ns", "first_output_error_ns", "done_error_ns"),
    *("n_coalesced", "status", "connect_ns", "position", "wait_bits", "first_reasoning_error_ns"),
)
#: ``passed`` only where it is not what a threshold of 1 makes of the value.
SCORE = ("grader", "value_billionths", "value_bits", "passed")

CALL_STATUS = {Status.OK: 0, Status.INCOMPLETE: 1, Status.REFUSED: 2, Status.ERROR: 3, Status.PENDING: 4}
PURPOSE = {Purpose.SUBJECT: 0, Purpose.JUDGE: 1}
ATTEMPT_STATUS = {AttemptStatus.OK: 0, AttemptStatus.ERROR: 1, AttemptStatus.UNKNOWN: 2}
SOURCE = {StampSource.USER: 0, StampSource.KERNEL: 1}
HTTP_OK = 200
PASSED: dict[bool | None, int] = {None: 0, False: 1, True: 2}

TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_STAMPS = tuple("" if name == "first_delta" else f"{name}_ns" for name in CHAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One start of a run and what its clocks said then: the origin of its stamps."""

    number: int
    monotonic_ns: int
    utc_ns: int


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
        passed = None if score.passed is usually_passed(score.value) else PASSED[score.passed]
        add_record(words, (graders[grader_id, score.grader], *float_words(score.value), passed))
    return pack_words(words), b"".join(gaps)


def _cost_words(result: TrialResult) -> tuple[int | None, int | None, int | None]:
    if result.cost_usd == sum_usd(call.cost_usd for call in result.calls):
        return None, None, None
    return *float_words(result.cost_usd), (0 if result.cost_usd is None else None)


def sum_usd(costs: Iterable[float | None]) -> float | None:
    """None without any, and where one is not known."""
    known = list(costs)
    return None if not known or None in known else sum(cost for cost in known if cost is not None)


def usually_passed(value: float | None) -> bool | None:
    return None if value is None else value >= 1


def _add_call(words: list[int], call: Call, session: Session) -> None:
    usage = call.usage
    intended_ns = call.intended_ns - session.monotonic_ns
    add_record(
        words,
        (
            intended_ns,
            zigzag(signed(call.intended_utc_ns - session.utc_ns - intended_ns)),
            *(None if usage is None else getattr(usage, name) for name in TOKENS),
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
            None if seen is None else seen.first_reasoning_error_ns,
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
