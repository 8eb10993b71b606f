"""What a table is made of, by column: read from trial results, or computed for many plain calls at once.

A plain call is the only call of its trial, of one attempt. For it the formulas are those of ``timeline.py`` over
arrays; a test holds the two together. NaN is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evalharness.core.failure import FailureKind
from evalharness.core.model import PendingReason, Status
from evalharness.core.record import Call, TrialResult
from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.error_bounds import BOUNDED, STORED_GAP_NS, error_bounds_ms
from evalharness.metrics.facts import Facts, JoinedFacts, facts_of, failure_of
from evalharness.metrics.measure import measure_trial

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Int64s: TypeAlias = NDArray[np.int64]

STATUSES: tuple[Status, ...] = tuple(Status)
STATUS_CODE = {status: code for code, status in enumerate(STATUSES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultColumns:
    """One entry per trial. ``status``: index into ``STATUSES``. ``started``: whether it has a call, with the wall clock
    at its intended start in ``started_utc_ns``. ``metrics`` by catalogue name; ``errors`` as in ``Table``; ``scores``
    by grader id, NaN where there is none, and whether they ``passed``. ``facts``: all else that is told of them.
    """

    status: NDArray[np.int8]
    timed_out: Bools
    started: Bools
    started_utc_ns: Int64s
    metrics: Mapping[str, Floats]
    errors: Mapping[str, Floats]
    scores: Mapping[str, Floats]
    passed: Mapping[str, Bools]
    facts: Facts


@runtime_checkable
class Columnar(Protocol):
    """Results that can be read by column without making an object of each."""

    def pending_reasons(self, trial_ids: Sequence[str]) -> Sequence[PendingReason | None]: ...

    def columns(self, trial_ids: Sequence[str]) -> ResultColumns:
        """One entry for each of ``trial_ids``, which are in the plan's order."""
        ...

    def answer_texts(self, trial_ids: Sequence[str]) -> Iterator[str]:
        """``answer_text`` of each of ``trial_ids``."""
        ...

    def is_failed(self, trial_id: str) -> bool:
        """``is_failed`` of its result."""
        ...


def answer_text(result: TrialResult) -> str:
    """``call_text`` of the last call; empty without any."""
    return call_text(result.calls[-1]) if result.calls else ""


def call_text(call: Call) -> str:
    """The visible answer, the refusal, or what arrived before the call broke off; empty without any."""
    partial = call.attempts[-1].partial_text if call.attempts else None
    return call.answer.text or call.answer.refusal or partial or ""


def is_failed(result: TrialResult) -> bool:
    """Whether a trial ended in an error, or says of itself that it failed."""
    return result.status is Status.ERROR or result.failure is not None


def columns_of(results: Sequence[TrialResult]) -> ResultColumns:
    grader_ids = dict.fromkeys(grader_id for result in results for grader_id in result.scores)
    return ResultColumns(
        status=np.array([STATUS_CODE[result.status] for result in results], dtype=np.int8),
        timed_out=np.array([_timed_out(result) for result in results], dtype=np.bool_),
        started=np.array([bool(result.calls) for result in results], dtype=np.bool_),
        started_utc_ns=np.array(
            [result.calls[0].intended_utc_ns if result.calls else 0 for result in results], dtype=np.int64
        ),
        metrics=_by_name(tuple(CATALOG), [measure_trial(result) if result.calls else {} for result in results]),
        errors=_by_name(BOUNDED, [error_bounds_ms(result.calls) for result in results]),
        scores={name: np.array([_score(result, name) for result in results]) for name in grader_ids},
        passed={name: np.array([_passed(result, name) for result in results], np.bool_) for name in grader_ids},
        facts=facts_of(results),
    )


def _timed_out(result: TrialResult) -> bool:
    failure = failure_of(result)
    return result.status is Status.ERROR and failure is not None and failure.kind is FailureKind.TIMEOUT


def _score(result: TrialResult, grader_id: str) -> float:
    score = result.scores.get(grader_id)
    return np.nan if score is None or score.value is None else score.value


def _passed(result: TrialResult, grader_id: str) -> bool:
    score = result.scores.get(grader_id)
    return score is not None and score.value is not None and bool(score.passed)


def _by_name(names: Sequence[str], rows: Sequence[Mapping[str, float | None]]) -> Mapping[str, Floats]:
    columns = np.full((len(names), len(rows)), np.nan)
    for place, row in enumerate(rows):
        if row:
            columns[:, place] = [np.nan if (value := row[name]) is None else value for name in names]
    return dict(zip(names, columns, strict=True))


def joined(n: int, parts: Iterable[tuple[Int64s, ResultColumns]]) -> ResultColumns:
    """``n`` entries put together from (indices, their columns), of which there is at least one; together the indices
    are all of 0 to n-1. No part is kept: those of a long run are made one after the other."""
    whole: dict[str, Any] = {}
    by_name: dict[str, Any] = {kind: {} for kind in ("metrics", "errors", "scores", "passed")}
    facts = JoinedFacts(n)
    for indices, part in parts:
        for name in ("status", "timed_out", "started", "started_utc_ns"):
            if name not in whole:
                whole[name] = np.empty(n, dtype=getattr(part, name).dtype)
            whole[name][indices] = getattr(part, name)
        for kind, columns in by_name.items():
            for name, column in getattr(part, kind).items():
                if name not in columns:
                    columns[name] = np.full(n, False if kind == "passed" else np.nan)
                columns[name][indices] = column
        facts.add(indices, part.facts)
    return ResultColumns(**whole, **by_name, facts=facts.joined)


# ---------------------------------------------------------------- plain calls


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCalls:
    """Plain calls that did not fail. Stamps are nanoseconds from the intended start.

    ``low_gap_ns`` and ``high_gap_ns`` are the two of the ``n_gaps`` in the middle (the same one for an odd number).
    ``kernel``: 1, 0 for arrivals dated by this program, NaN where the client's own error was not observed.
    """

    sent_ns: Floats
    headers_ns: Floats
    first_event_ns: Floats
    first_reasoning_ns: Floats
    first_output_ns: Floats
    last_output_ns: Floats
    done_ns: Floats
    connect_ns: Floats
    wait_ms: Floats
    n_gaps: Floats
    low_gap_ns: Floats
    high_gap_ns: Floats
    input_tokens: Floats
    cached_tokens: Floats
    output_tokens: Floats
    reasoning_tokens: Floats
    cost_usd: Floats
    kernel: Floats
    send_ns: Floats
    max_lag_ns: Floats
    n_coalesced: Floats
    first_output_error_ns: Floats
    done_error_ns: Floats
    first_reasoning_error_ns: Floats


def plain_metrics(calls: PlainCalls) -> Mapping[str, Floats]:
    """Every metric of the catalogue, in its order."""
    sent_ns = calls.sent_ns
    ttfr_ms, ttfo_ms = (calls.first_reasoning_ns - sent_ns) / NS_PER_MS, (calls.first_output_ns - sent_ns) / NS_PER_MS
    reasoning_ms = (calls.first_output_ns - calls.first_reasoning_ns) / NS_PER_MS
    latency_ms = (calls.done_ns - sent_ns) / NS_PER_MS
    visible = calls.output_tokens - calls.reasoning_tokens
    spread_ns, following = _output_spread(calls, visible)
    found = {
        "connect_ms": calls.connect_ns / NS_PER_MS,
        "queue_ms": (sent_ns - np.rint(calls.wait_ms * NS_PER_MS)) / NS_PER_MS,
        "wait_ms": calls.wait_ms,
        "headers_ms": (calls.headers_ns - sent_ns) / NS_PER_MS,
        "ttfe_ms": (calls.first_event_ns - sent_ns) / NS_PER_MS,
        "ttfr_ms": ttfr_ms,
        "ttft_ms": np.fmin(ttfr_ms, ttfo_ms),
        "ttfo_ms": ttfo_ms,
        "reasoning_ms": np.where(reasoning_ms < 0, np.nan, reasoning_ms),
        "answer_ms": (calls.done_ns - calls.first_output_ns) / NS_PER_MS,
        "latency_ms": latency_ms,
        "total_ms": calls.done_ns / NS_PER_MS,
        "tpot_ms": spread_ns / NS_PER_MS / following,
        "gap_ms": (calls.low_gap_ns / NS_PER_MS + calls.high_gap_ns / NS_PER_MS) / 2,
        "visible_tokens_per_s": following / (spread_ns / NS_PER_S),
        "output_tokens_per_s": calls.output_tokens / np.where(latency_ms == 0, np.nan, latency_ms / 1_000),
        "input_tokens": calls.input_tokens,
        "cached_tokens": calls.cached_tokens,
        "output_tokens": calls.output_tokens,
        "reasoning_tokens": calls.reasoning_tokens,
        "visible_tokens": visible,
        "cost_usd": calls.cost_usd,
    }
    return {name: found[name] for name in CATALOG}


def _output_spread(calls: PlainCalls, visible: Floats) -> tuple[Floats, Floats]:
    """``timeline._output_spread`` over arrays: NaN where there is no time between tokens to speak of."""
    spread_ns = calls.last_output_ns - calls.first_output_ns
    none = ~((visible >= 2) & (spread_ns > 0))
    return np.where(none, np.nan, spread_ns), np.where(none, np.nan, visible - 1)


def plain_errors(calls: PlainCalls) -> Mapping[str, Floats]:
    """``error_bounds_ms`` over arrays."""
    reasoning_ns, first_ns, done_ns = calls.first_reasoning_error_ns, calls.first_output_error_ns, calls.done_error_ns
    reasoned_first = ~np.isnan(calls.first_reasoning_ns) & ~(calls.first_output_ns <= calls.first_reasoning_ns)
    reasoned = calls.first_reasoning_ns <= calls.first_output_ns
    spread_ns = np.where(first_ns > 0, calls.last_output_ns - calls.first_output_ns + first_ns, np.nan)
    late_ns = np.fmin(calls.max_lag_ns, spread_ns // np.maximum((calls.n_gaps + 1) // 2, 1))
    late_ns = np.where((calls.kernel == 1) & (calls.n_coalesced == 0), 0.0, late_ns)
    found_ns = {
        "ttfr_ms": calls.send_ns + reasoning_ns,
        "ttft_ms": calls.send_ns + np.where(reasoned_first, reasoning_ns, first_ns),
        "ttfo_ms": calls.send_ns + first_ns,
        "reasoning_ms": np.where(reasoned, reasoning_ns + first_ns, np.nan),
        "answer_ms": first_ns + done_ns,
        "latency_ms": calls.send_ns + done_ns,
        "total_ms": done_ns,
        "gap_ms": np.where(np.isnan(calls.low_gap_ns) | np.isnan(calls.kernel), np.nan, STORED_GAP_NS + late_ns),
    }
    return {name: found_ns[name] / NS_PER_MS for name in BOUNDED}
