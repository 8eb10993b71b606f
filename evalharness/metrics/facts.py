"""What is told of each trial beside its metrics, by column: to be counted, placed in time, and judged of the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.core.failure import Failure
from evalharness.core.model import Status
from evalharness.core.record import Answer, Attempt, AttemptStatus, Call, Purpose, StampSource, TrialResult, Usage
from evalharness.core.units import NS_PER_S, ms_between, ns_from_ms

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Int64s: TypeAlias = NDArray[np.int64]


class Said(NamedTuple):
    """What was said of a trial in words: a run has few different ones.

    The first four are of its last call, None without one. ``anomalies``: of the trial and of all its calls, each once.
    ``failure``: the kind of the trial's own failure; ``call_failure``: of its last call's, a judge's included.
    """

    stop_reason: str | None = None
    model: str | None = None
    tier: str | None = None
    effort: str | None = None
    anomalies: tuple[str, ...] = ()
    failure: str | None = None
    call_failure: str | None = None

    @property
    def ended_by(self) -> str | None:
        """The kind of what ended the trial."""
        return self.failure or self.call_failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How well the last attempts of all calls of some trials were seen: those whose times are in the tables.

    One entry for each attempt that says so: ``kernel``, whether the kernel dated its arrivals, ``send_ns`` and
    ``max_lag_ns``; its gaps between output deltas and those that this client may have closed are summed over all.
    ``n_unseen`` attempts came to their end and say nothing.
    """

    kernel: Bools
    send_ns: Int64s
    max_lag_ns: Int64s
    n_gaps: int
    n_coalesced: int
    n_unseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One entry per trial, of its own calls without those of judges.

    ``first_utc_ns``: the wall clock at the intended start, 0 without a call. ``took_s``: from there to the end of the
    last call, NaN where the trial did not end. ``lag_ms``: from there to sending, without the time the connection took
    to set up and without a pause that the service asked for; NaN where nothing was sent. ``n_retries``: attempts beyond
    the first of each call. Of last attempts that say whether their connection was used before: ``n_connected``, and
    ``n_reused`` of them. Of last attempts that succeeded: ``n_gaps`` between output deltas, ``n_closed_gaps`` that
    this client may have closed by reading late (where an attempt does not say, those that are exactly 0), and
    ``n_lumped_gaps`` that are exactly 0 beside those: what came together from the service or from what is between.
    ``longest_tokens``: output tokens of the longest answer, 0 where none is known. ``output_tokens`` and
    ``reasoning_tokens`` are the last call's, NaN where not known. ``wasted_usd``: what a failed trial cost, NaN for
    others and where not known. ``said``: index into ``sayings``.
    """

    n_calls: Int64s
    first_utc_ns: Int64s
    took_s: Floats
    lag_ms: Floats
    n_retries: Int64s
    n_connected: Int64s
    n_reused: Int64s
    n_gaps: Int64s
    n_closed_gaps: Int64s
    n_lumped_gaps: Int64s
    longest_tokens: Int64s
    output_tokens: Floats
    reasoning_tokens: Floats
    wasted_usd: Floats
    said: Int64s
    sayings: tuple[Said, ...]
    seen: Seen


class Numbered:
    """Sayings by number, each once."""

    def __init__(self) -> None:
        self._numbers: dict[Said, int] = {}

    def number(self, said: Said) -> int:
        return self._numbers.setdefault(said, len(self._numbers))

    @property
    def sayings(self) -> tuple[Said, ...]:
        return tuple(self._numbers)


def failure_of(result: TrialResult) -> Failure | None:
    """The failure that ended a trial: its own, else its last call's."""
    return result.failure or (result.calls[-1].failure if result.calls else None)


class _Row(NamedTuple):
    """The numbers of one trial, as in ``Facts``; None is missing."""

    n_calls: int
    first_utc_ns: int
    took_s: float | None
    lag_ms: float | None
    n_retries: int
    n_connected: int
    n_reused: int
    n_gaps: int
    n_closed_gaps: int
    n_lumped_gaps: int
    longest_tokens: int
    output_tokens: float | None
    reasoning_tokens: float | None
    wasted_usd: float | None


_DTYPES = {
    name: np.dtype(np.float64 if "None" in str(kind) else np.int64) for name, kind in _Row.__annotations__.items()
}


def facts_of(results: Sequence[TrialResult]) -> Facts:
    numbered = Numbered()
    calls = [[call for call in result.calls if call.purpose is Purpose.SUBJECT] for result in results]
    said = [numbered.number(_said(result, own)) for result, own in zip(results, calls, strict=True)]
    rows = [_row(result, own) for result, own in zip(results, calls, strict=True)]
    columns: dict[str, Any] = {
        name: np.array([row[place] for row in rows], dtype=_DTYPES[name]) for place, name in enumerate(_Row._fields)
    }
    return Facts(
        **columns,
        said=np.array(said, dtype=np.int64),
        sayings=numbered.sayings,
        seen=_seen([call.last_attempt for own in calls for call in own if call.attempts]),
    )


def _row(result: TrialResult, calls: Sequence[Call]) -> _Row:
    last = [call.last_attempt for call in calls if call.attempts]
    reused = [attempt.connection_reused for attempt in last if attempt.connection_reused is not None]
    streamed = [a for a in last if a.status is AttemptStatus.OK and len(a.stamps.deltas_ns) > 1]
    usages = [call.usage or Usage() for call in calls]
    took_s, lag_ms = _times(result, calls)
    return _Row(
        n_calls=len(calls),
        first_utc_ns=calls[0].intended_utc_ns if calls else 0,
        took_s=took_s,
        lag_ms=lag_ms,
        n_retries=sum(len(call.attempts) - 1 for call in calls if call.attempts),
        n_connected=len(reused),
        n_reused=sum(reused),
        n_gaps=sum(len(attempt.stamps.deltas_ns) - 1 for attempt in streamed),
        n_closed_gaps=sum(map(_closed_gaps, streamed)),
        n_lumped_gaps=sum(max(0, _zero_gaps(attempt) - _closed_gaps(attempt)) for attempt in streamed),
        longest_tokens=max(((usage.output_tokens or 0) for usage in usages), default=0),
        output_tokens=usages[-1].output_tokens if usages else None,
        reasoning_tokens=usages[-1].reasoning_tokens if usages else None,
        wasted_usd=result.cost_usd if result.status is Status.ERROR else None,
    )


def _times(result: TrialResult, calls: Sequence[Call]) -> tuple[float | None, float | None]:
    """``took_s`` and ``lag_ms``."""
    if not (calls and calls[0].attempts and calls[-1].attempts):
        return None, None
    intended_ns, first, last = calls[0].intended_ns, calls[0].attempts[0], calls[-1].last_attempt
    end_ns = last.stamps.done_ns if last.status is AttemptStatus.OK else last.stamps.closed_ns
    took_s = None if end_ns is None or result.status is Status.PENDING else (end_ns - intended_ns) / NS_PER_S
    ready_ns = intended_ns + ns_from_ms(first.wait_ms) + (first.stamps.connect_ns or 0)
    return took_s, ms_between(ready_ns, first.stamps.sent_ns)


def _closed_gaps(attempt: Attempt) -> int:
    return _zero_gaps(attempt) if attempt.observed is None else attempt.observed.n_coalesced


def _zero_gaps(attempt: Attempt) -> int:
    """Stamps never fall, so gaps of 0 are stamps that came before. Ten times as fast as an array for so few."""
    return len(attempt.stamps.deltas_ns) - len(set(attempt.stamps.deltas_ns))


def _said(result: TrialResult, calls: Sequence[Call]) -> Said:
    answer = calls[-1].answer if calls else Answer()
    anomalies = dict.fromkeys([*result.anomalies, *(name for call in result.calls for name in call.anomalies)])
    return Said(
        stop_reason=answer.stop_reason,
        model=answer.model_reported,
        tier=answer.tier_reported,
        effort=answer.effort_reported,
        anomalies=tuple(anomalies),
        failure=_kind(result.failure),
        call_failure=_kind(result.calls[-1].failure) if result.calls else None,
    )


def _kind(failure: Failure | None) -> str | None:
    return None if failure is None else failure.kind.value


def _seen(attempts: Sequence[Attempt]) -> Seen:
    known = [(attempt, attempt.observed) for attempt in attempts if attempt.observed is not None]
    return Seen(
        kernel=np.array([seen.source is StampSource.KERNEL for _, seen in known], dtype=np.bool_),
        send_ns=np.array([seen.send_ns for _, seen in known], dtype=np.int64),
        max_lag_ns=np.array([seen.max_lag_ns for _, seen in known], dtype=np.int64),
        n_gaps=sum(max(0, len(attempt.stamps.deltas_ns) - 1) for attempt, _ in known),
        n_coalesced=sum(seen.n_coalesced for _, seen in known),
        n_unseen=sum(attempt.observed is None and attempt.stamps.done_ns is not None for attempt in attempts),
    )


class JoinedFacts:
    """``n`` entries put together from (indices, their facts); together the indices are all of 0 to n-1."""

    def __init__(self, n: int) -> None:
        self._columns: dict[str, Any] = {name: np.empty(n, dtype=dtype) for name, dtype in _DTYPES.items()}
        self._said, self._numbered = np.zeros(n, dtype=np.int64), Numbered()
        self._seen: list[Seen] = []

    def add(self, indices: Int64s, part: Facts) -> None:
        for name, column in self._columns.items():
            column[indices] = getattr(part, name)
        numbers = np.array([self._numbered.number(one) for one in part.sayings], dtype=np.int64)
        self._said[indices] = numbers[part.said]
        self._seen.append(part.seen)

    @property
    def joined(self) -> Facts:
        seen = self._seen
        return Facts(
            **self._columns,
            said=self._said,
            sayings=self._numbered.sayings,
            seen=Seen(
                kernel=np.concatenate([one.kernel for one in seen]),
                send_ns=np.concatenate([one.send_ns for one in seen]),
                max_lag_ns=np.concatenate([one.max_lag_ns for one in seen]),
                n_gaps=sum(one.n_gaps for one in seen),
                n_coalesced=sum(one.n_coalesced for one in seen),
                n_unseen=sum(one.n_unseen for one in seen),
            ),
        )
