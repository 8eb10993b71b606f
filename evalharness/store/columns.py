"""The packed numbers of many results as columns, with numpy: what ``metrics.table`` is made of.

Results of one call with one attempt that ended well, nearly all of a run, never become objects here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evalharness.core.model import Status
from evalharness.core.record import StampSource
from evalharness.metrics.columns import STATUS_CODE, PlainCalls, ResultColumns, plain_errors, plain_metrics
from evalharness.store.facts import plain_facts
from evalharness.store.numbers import ATTEMPT, CALL, CALL_STATUS, CHAIN, PASSED, RESULT, SCORE, SOURCE
from evalharness.store.word_arrays import Floats, Gaps, Int64s, Records, Words, gaps_of, records_at, words_of

if TYPE_CHECKING:
    from evalharness.store.loaded import PackedRows
    from evalharness.store.unpacking import Shared

#: Rows that are read together: what is made on the way takes some 20 MB.
_CHUNK = 10_000
_ENDED_WELL = (Status.OK, Status.INCOMPLETE, Status.REFUSED)


def plain_columns(rows: PackedRows, places: Int64s, shared: Shared) -> Iterator[tuple[Int64s, ResultColumns]]:
    """(indices into ``places``, their columns) of the plain rows among ``places``, some at a time; places rise."""
    for begin in range(0, len(places), _CHUNK):
        plain = _plain(rows, places[begin : begin + _CHUNK])
        if len(plain.among):
            yield begin + plain.among, _columns(rows, plain, shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """Plain rows, decoded. ``among``: which of the places asked for; ``ends``: the word after each row's last."""

    among: Int64s
    places: Int64s
    words: Words
    ends: Int64s
    head: Records
    call: Records
    attempt: Records


def _plain(rows: PackedRows, places: Int64s) -> _Plain:
    bounds = np.frombuffer(rows.number_ends, dtype=np.int64)
    first, last = int(bounds[places[0]]), int(bounds[places[-1] + 1])
    words, borders = words_of(
        bytes(rows.numbers[first:last]), np.concatenate([bounds[places], bounds[places + 1]]) - first
    )
    starts, ends = borders[: len(places)], borders[len(places) :]
    statuses = np.frombuffer(rows.statuses, dtype=np.uint8)[places]
    among = np.flatnonzero(np.isin(statuses, [STATUS_CODE[status] for status in _ENDED_WELL]))
    head = records_at(words, starts[among], RESULT)
    one_call = np.flatnonzero(~head.present("n_calls"))
    among, head = among[one_call], head.only(one_call)
    call = records_at(words, head.after, CALL)
    failed = call.words("status") == CALL_STATUS[Status.ERROR]
    one_attempt = np.flatnonzero(~(call.present("n_attempts") | call.present("purpose") | failed))
    among, head, call = among[one_attempt], head.only(one_attempt), call.only(one_attempt)
    attempt = records_at(words, call.after, ATTEMPT)
    succeeded = np.flatnonzero(~attempt.present("status"))
    return _Plain(
        among=among[succeeded],
        places=places[among[succeeded]],
        words=words,
        ends=ends[among[succeeded]],
        head=head.only(succeeded),
        call=call.only(succeeded),
        attempt=attempt.only(succeeded),
    )


def _columns(rows: PackedRows, plain: _Plain, shared: Shared) -> ResultColumns:
    gaps = _gaps(rows, plain)
    calls, started_utc_ns = _calls(plain, gaps), _started_utc_ns(rows, plain, shared)
    scores, passed = _scores(plain, {number: grader_id for number, (grader_id, _) in shared.graders.items()})
    n = len(plain.places)
    return ResultColumns(
        status=np.frombuffer(rows.statuses, dtype=np.uint8)[plain.places].astype(np.int8),
        timed_out=np.zeros(n, dtype=np.bool_),
        started=np.ones(n, dtype=np.bool_),
        started_utc_ns=started_utc_ns,
        metrics=plain_metrics(calls),
        errors=plain_errors(calls),
        scores=scores,
        passed=passed,
        facts=plain_facts(rows, plain.places, plain.attempt, calls, started_utc_ns, gaps.n_zero),
    )


def _started_utc_ns(rows: PackedRows, plain: _Plain, shared: Shared) -> Int64s:
    sessions = np.frombuffer(rows.sessions, dtype=np.int32)[plain.places]
    began_ns = np.zeros(len(sessions), dtype=np.int64)
    for number in np.unique(sessions).tolist():
        began_ns[sessions == number] = shared.sessions[number].utc_ns
    off = plain.call.integers("utc_off_ns")
    moved_ns = (off >> 1 & (2**63 - 1)) ^ -(off & 1)
    return began_ns + plain.call.integers("intended_ns") + moved_ns


def _gaps(rows: PackedRows, plain: _Plain) -> Gaps:
    ends = np.frombuffer(rows.gap_ends, dtype=np.int64)
    first, last = int(ends[plain.places[0]]), int(ends[plain.places[-1] + 1])
    n_gaps = np.maximum(plain.attempt.integers("n_arrivals") - 1, 0)
    return gaps_of(bytes(rows.gaps[first:last]), ends[plain.places] - first, n_gaps)


def _calls(plain: _Plain, gaps: Gaps) -> PlainCalls:
    call, attempt = plain.call, plain.attempt
    own_cost_usd = plain.head.decimals("cost_billionths", "cost_bits")
    seen = attempt.present("source")
    kernel = np.where(seen, attempt.words("source") == SOURCE[StampSource.KERNEL], np.nan)
    return PlainCalls(
        **_stamps(attempt),
        connect_ns=attempt.floats("connect_ns"),
        wait_ms=attempt.float_bits("wait_bits"),
        n_gaps=np.maximum(attempt.integers("n_arrivals") - 1, 0).astype(np.float64),
        low_gap_ns=gaps.low_ns,
        high_gap_ns=gaps.high_ns,
        input_tokens=call.floats("input_tokens"),
        cached_tokens=call.floats("cached_tokens"),
        output_tokens=call.floats("output_tokens"),
        reasoning_tokens=call.floats("reasoning_tokens"),
        cost_usd=np.where(np.isnan(own_cost_usd), call.decimals("cost_billionths", "cost_bits"), own_cost_usd),
        kernel=kernel,
        send_ns=np.where(seen, attempt.counts("send_ns"), np.nan),
        max_lag_ns=np.where(seen, attempt.counts("max_lag_ns"), np.nan),
        n_coalesced=np.where(seen, attempt.counts("n_coalesced"), np.nan),
        first_output_error_ns=attempt.floats("first_output_error_ns"),
        done_error_ns=attempt.floats("done_error_ns"),
        first_reasoning_error_ns=attempt.floats("first_reasoning_error_ns"),
    )


def _stamps(attempt: Records) -> Mapping[str, Floats]:
    """Each but those nobody asks for, from the intended start on."""
    stamps: dict[str, Floats] = {}
    at_ns = np.zeros(len(attempt.flags), dtype=np.int64)
    for name in CHAIN:
        at_ns = at_ns + attempt.integers(f"{name}_ns")
        stamps[f"{name}_ns"] = np.where(attempt.present(f"{name}_ns"), at_ns.astype(np.float64), np.nan)
    del stamps["first_delta_ns"], stamps["closed_ns"]
    return stamps


def _scores(
    plain: _Plain, grader_ids: Mapping[int, str]
) -> tuple[Mapping[str, Floats], Mapping[str, NDArray[np.bool_]]]:
    """By grader id the scores, NaN where there is none, and whether they passed."""
    n = len(plain.places)
    scores = {grader_id: np.full(n, np.nan) for grader_id in grader_ids.values()}
    passed = {grader_id: np.zeros(n, dtype=np.bool_) for grader_id in grader_ids.values()}
    at = plain.attempt.after
    rows = np.flatnonzero(at < plain.ends)
    while len(rows):
        score = records_at(plain.words, at[rows], SCORE)
        values, numbers = score.decimals("value_billionths", "value_bits"), score.integers("grader")
        stated = score.words("passed") == PASSED[True]
        did = np.where(score.present("passed"), stated, values >= 1) & ~np.isnan(values)
        for number in np.unique(numbers).tolist():
            own = numbers == number
            scores[grader_ids[number]][rows[own]] = values[own]
            passed[grader_ids[number]][rows[own]] = did[own]
        at[rows] = score.after
        rows = rows[score.after < plain.ends[rows]]
    return scores, passed
