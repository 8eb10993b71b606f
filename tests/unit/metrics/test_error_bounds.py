"""Bounds by hand: every expected value is arithmetic on what the attempt says of its measurement."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.record import Attempt, AttemptStatus, Call, Observed, Purpose, Stamps, StampSource
from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.error_bounds import BOUNDED, error_bounds_ms

STAMPS = Stamps(
    sent_ns=0,
    first_output_ns=200_000_000,
    last_output_ns=210_000_000,
    done_ns=211_000_000,
    deltas_ns=array("q", [200_000_000, 210_000_000]),
)
SEEN = Observed(
    source=StampSource.KERNEL,
    send_ns=40_000,
    max_lag_ns=900_000,
    first_output_error_ns=10_000,
    done_error_ns=20_000,
)


def a_call(stamps: Stamps = STAMPS, seen: Observed | None = SEEN, **changes) -> Call:
    call = Call(
        purpose=Purpose.SUBJECT,
        turn_index=0,
        request={},
        status=Status.OK,
        intended_ns=-5_000_000,
        intended_utc_ns=0,
        attempts=(Attempt(index=0, status=AttemptStatus.OK, stamps=stamps, observed=seen),),
    )
    return replace(call, **changes)


def test_a_time_from_the_sending_may_be_wrong_at_both_ends_and_one_from_the_intended_start_at_its_end():
    assert error_bounds_ms([a_call()]) == pytest.approx(
        {"ttfr_ms": None, "ttft_ms": 0.05, "ttfo_ms": 0.05, "reasoning_ms": None}
        | {"answer_ms": 0.03, "latency_ms": 0.06, "total_ms": 0.02, "gap_ms": 0.001}
    )


REASONED = replace(STAMPS, first_reasoning_ns=90_000_000)


def test_the_first_token_has_the_bound_of_reasoning_where_that_came_first():
    bounds = error_bounds_ms([a_call(REASONED, replace(SEEN, first_reasoning_error_ns=30_000))])
    shown = {name: bounds[name] for name in ("ttfr_ms", "ttft_ms", "ttfo_ms", "reasoning_ms")}
    assert shown == pytest.approx({"ttfr_ms": 0.07, "ttft_ms": 0.07, "ttfo_ms": 0.05, "reasoning_ms": 0.04})


def test_reasoning_after_the_output_bounds_neither_the_first_token_nor_a_time_of_reasoning():
    late = replace(STAMPS, first_reasoning_ns=205_000_000)
    bounds = error_bounds_ms([a_call(late, replace(SEEN, first_reasoning_error_ns=30_000))])
    assert (bounds["ttft_ms"], bounds["reasoning_ms"]) == (pytest.approx(0.05), None)


def test_the_first_token_has_no_bound_where_it_was_reasoning_and_nobody_noted_how_well_it_was_seen():
    bounds = error_bounds_ms([a_call(REASONED)])
    assert (bounds["ttfr_ms"], bounds["ttft_ms"], bounds["reasoning_ms"]) == (None, None, None)
    assert bounds["ttfo_ms"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    "seen",
    [replace(SEEN, source=StampSource.USER), replace(SEEN, n_coalesced=1)],
    ids=["dated when read", "read together"],
)
def test_a_gap_may_be_as_wrong_as_bytes_waited_where_the_kernel_did_not_date_each_arrival(seen: Observed):
    assert error_bounds_ms([a_call(seen=seen)])["gap_ms"] == pytest.approx(0.901)


def test_a_median_gap_is_not_off_by_more_than_half_of_the_gaps_leave_room_for():
    """Five deltas within 12 ms, the first up to 1 ms earlier: two gaps are as long as the median, so it is 6.5 ms at
    most, however long anything waited."""
    at_ns = [200_000_000 + 3_000_000 * number for number in range(5)]
    stamps = replace(STAMPS, last_output_ns=at_ns[-1], deltas_ns=array("q", at_ns))
    seen = replace(SEEN, n_coalesced=3, max_lag_ns=90_000_000, first_output_error_ns=1_000_000)
    assert error_bounds_ms([a_call(stamps, seen)])["gap_ms"] == pytest.approx(6.501)


def test_a_single_delta_has_no_gap_and_none_of_its_error():
    one = replace(STAMPS, deltas_ns=array("q", [200_000_000]))
    assert error_bounds_ms([a_call(one)])["gap_ms"] is None


def test_turns_add_up_in_total_time_and_the_last_one_bounds_the_rest():
    worse = replace(SEEN, done_error_ns=1_000_000, first_output_error_ns=500_000)
    judge = a_call(purpose=Purpose.JUDGE)
    bounds = error_bounds_ms([a_call(), a_call(seen=worse), judge])
    assert bounds["total_ms"] == pytest.approx(1.02)
    assert bounds["ttfo_ms"] == pytest.approx(0.54)
    assert error_bounds_ms([a_call(seen=None), a_call()])["total_ms"] is None


@pytest.mark.parametrize(
    "calls",
    [
        [],
        [a_call(seen=None)],
        [a_call(attempts=())],
        [a_call(failure=Failure(kind=FailureKind.STREAM_CUT, message="cut"), status=Status.ERROR)],
        [a_call(seen=replace(SEEN, first_output_error_ns=None, done_error_ns=None), stamps=Stamps(sent_ns=0))],
    ],
    ids=["no call", "not observed", "never sent", "failed", "no stamps"],
)
def test_what_was_not_seen_has_no_bound(calls: list[Call]):
    assert error_bounds_ms(calls) == dict.fromkeys(BOUNDED)


def test_every_bounded_metric_is_a_time_of_the_catalogue():
    assert all(CATALOG[name].is_time for name in BOUNDED)
