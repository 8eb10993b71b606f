"""Packed numbers that an earlier version wrote, read by this one."""

from __future__ import annotations

from array import array

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
from evalharness.store.numbers import Session, pack
from evalharness.store.unpacking import Packed, calls_and_cost

MS = 1_000_000
SESSION = Session(number=1, monotonic_ns=0, utc_ns=1000 * MS)
CALL = Call(
    purpose=Purpose.SUBJECT,
    turn_index=0,
    request={},
    status=Status.OK,
    intended_ns=5 * MS,
    intended_utc_ns=1005 * MS,
    attempts=(
        Attempt(
            index=1,
            status=AttemptStatus.OK,
            wait_ms=250.0,
            http_status=200,
            connection_reused=True,
            n_events=6,
            n_deltas=2,
            n_reads=4,
            stamps=Stamps(
                sent_ns=6 * MS,
                headers_ns=9 * MS,
                first_event_ns=10 * MS,
                first_reasoning_ns=40 * MS,
                first_output_ns=90 * MS,
                last_output_ns=95 * MS,
                done_ns=96 * MS,
                closed_ns=97 * MS,
                connect_ns=700_000,
                deltas_ns=array("q", [90 * MS, 95 * MS]),
            ),
            observed=Observed(
                source=StampSource.KERNEL,
                send_ns=41_000,
                max_lag_ns=350_000,
                first_output_error_ns=20_000,
                done_error_ns=23_000,
            ),
        ),
    ),
)
#: What the version before ``first_reasoning_error_ns`` made of ``CALL``: words, gaps.
WRITTEN = (
    "0003c096b10200ffefbf0ec0843dc08db701c0843d8087a70e80e1eb1700c096b102c0843dc0843d020804000101a8c002b0ae15a09c01"
    "d8b301e0dc2a01c0de8102",
    "0d8813",
)


def test_a_record_that_ends_before_a_field_of_later_has_none_of_it() -> None:
    words, gaps = (bytes.fromhex(part) for part in WRITTEN)
    (call,), _ = calls_and_cost(Packed(words, gaps), [{"request": 0}], SESSION, {0: {}})
    assert call == CALL


def test_what_earlier_versions_could_say_takes_the_same_bytes_today() -> None:
    packed = pack(TrialResult(trial_id="t", status=Status.OK, calls=(CALL,)), SESSION, {})
    assert tuple(part.hex() for part in packed) == WRITTEN
