"""What ``doctor`` makes of a client's tapes and the server's log, both written by hand."""

from __future__ import annotations

import json
from array import array
from dataclasses import replace

import pytest

from evalharness.app.advice import advice
from evalharness.app.diagnosis import Asked, LevelSeen, Machine, Spread, Truth, compare, spread, truths
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.ports import Decoded, Exchange, Tape
from evalharness.core.record import Observed, Stamps, StampSource

US, MS = 1_000, 1_000_000
#: The server has the request at 1 s, writes its first delta 200 ms and its last event 700 ms later, each in 30 us.
RECEIVED_NS = 1_000 * MS
TRUTH = Truth(
    received_ns=RECEIVED_NS,
    first_ns=RECEIVED_NS + 200 * MS,
    first_took_ns=30 * US,
    last_ns=RECEIVED_NS + 700 * MS,
    last_took_ns=30 * US,
    late_ns=2 * MS,
)
SEEN = Observed(
    source=StampSource.KERNEL,
    send_ns=50 * US,
    max_lag_ns=3 * MS,
    n_coalesced=1,
    first_output_error_ns=20 * US,
    done_error_ns=40 * US,
)
MACHINE = Machine(
    cores=2,
    load_average=0.5,
    in_flight_at_most=1000,
    timer_late_ms=spread([100 * US]),
    loop="measuring",
    n_workers=0,
)


def asked(
    name: str = "a", *, first_off_ns: int = 0, done_off_ns: int = 0, observed: Observed | None = SEEN, **changed
) -> Asked:
    """A call sent 10 us before the server had it, with stamps so far off the server's writes."""
    stamps = Stamps(
        first_output_ns=TRUTH.first_ns + first_off_ns,
        done_ns=TRUTH.last_ns + done_off_ns,
        deltas_ns=array("q", [TRUTH.first_ns + place * 10 * MS for place in range(5)]),
    )
    tape = Tape(sent_ns=RECEIVED_NS - 10 * US, closed_ns=TRUTH.last_ns + MS, source=StampSource.KERNEL)
    exchange = Exchange(tape=tape, decoded=Decoded(status=Status.OK, stamps=stamps), observed=observed)
    return replace(Asked(name=name, meant_ns=None, exchange=exchange), **changed)


def failed(name: str = "f") -> Asked:
    failure = Failure(kind=FailureKind.CONNECTION, message="reset")
    tape = Tape(sent_ns=RECEIVED_NS, closed_ns=RECEIVED_NS + MS, failure=failure)
    exchange = Exchange(tape=tape, decoded=Decoded(status=Status.ERROR, failure=failure))
    return Asked(name=name, meant_ns=None, exchange=exchange)


def seen_by(*calls: Asked) -> LevelSeen:
    return compare("4 in flight", calls, {call.name: TRUTH for call in calls})


# ---------------------------------------------------------------- the server's log


def line(**changed: object) -> str:
    """As the simulator writes it: label, planned, sent, how long the send took in microseconds."""
    events = [
        ["response.created", 100, 110, 3],
        ["response.output_text.delta", 200, 205, 4],
        ["response.output_text.delta", 300, 306, 5],
        ["response.completed", 400, 450, 6],
    ]
    entry = {"client_request_id": "a", "read_ns": 50, "ended": "complete", "events": events}
    return json.dumps({**entry, **changed})


def test_a_line_of_the_log_gives_the_first_delta_the_end_and_the_server_s_own_lateness() -> None:
    expected = Truth(received_ns=50, first_ns=205, first_took_ns=4_000, last_ns=450, last_took_ns=6_000, late_ns=50)
    assert truths([line()]) == {"a": expected}


@pytest.mark.parametrize(
    "changed",
    [{"events": []}, {"ended": "reset"}, {"events": [["response.output_text.delta", 200, 205, 4]]}],
    ids=["refused", "cut", "without an end"],
)
def test_a_call_that_was_not_answered_in_full_is_no_truth(changed: dict[str, object]) -> None:
    assert truths([line(**changed)]) == {}


# ---------------------------------------------------------------- the comparison


def test_a_time_is_off_by_its_stamp_and_by_the_way_of_the_request() -> None:
    seen = seen_by(asked(first_off_ns=15 * US, done_off_ns=-30 * US))
    # The client counts from 10 us before the server does.
    assert seen.ttfo_error_ms == Spread(p50=0.025, p99=0.025, max=0.025)
    assert seen.latency_error_ms == Spread(p50=0.02, p99=0.02, max=0.02)
    assert (seen.n_calls, seen.n_failed, seen.n_compared) == (1, 0, 1)
    assert seen.server_late_ms == Spread(p50=2.0, p99=2.0, max=2.0)
    assert seen.read_lag_ms == Spread(p50=3.0, p99=3.0, max=3.0)


def test_what_is_stated_is_the_larger_bound_with_the_sending() -> None:
    assert seen_by(asked()).stated_ms == Spread(p50=0.09, p99=0.09, max=0.09)


@pytest.mark.parametrize(
    ("first_off_us", "done_off_us", "holds"),
    [
        # The bounds are 70 and 90 us; the request took 10 us of each, and the write 30.
        (90, 110, True),
        (91, 0, False),
        (0, 111, False),
        (-80, -100, True),
        (-81, 0, False),
        (0, -101, False),
    ],
)
def test_a_stated_error_holds_if_both_times_keep_to_it(first_off_us: int, done_off_us: int, holds: bool) -> None:
    seen = seen_by(asked(first_off_ns=first_off_us * US, done_off_ns=done_off_us * US))
    assert seen.held_share == float(holds)


def test_a_share_held_is_of_the_calls_that_stated_something() -> None:
    off = asked("b", first_off_ns=5 * MS)
    assert seen_by(asked("a"), off, asked("c", observed=None)).held_share == 0.5


def test_a_client_that_cannot_state_its_error_is_compared_all_the_same() -> None:
    seen = seen_by(asked(first_off_ns=4 * MS, observed=None))
    assert seen.ttfo_error_ms == Spread(p50=4.01, p99=4.01, max=4.01)
    assert (seen.stated_ms, seen.held_share, seen.read_lag_ms, seen.coalesced_share) == (None, None, None, None)


def test_failed_calls_and_calls_the_log_does_not_know_are_counted_and_not_compared() -> None:
    seen = compare("x", [asked("a"), asked("lost"), failed()], {"a": TRUTH})
    assert (seen.n_calls, seen.n_failed, seen.n_compared) == (3, 1, 1)
    assert seen.sources == {StampSource.KERNEL: 2}


def test_without_a_call_to_compare_nothing_is_known_and_nothing_is_zero() -> None:
    seen = compare("x", [failed()], {})
    assert (seen.ttfo_error_ms, seen.latency_error_ms, seen.stated_ms, seen.dispatch_ms) == (None, None, None, None)
    assert (seen.held_share, seen.coalesced_share, seen.server_late_ms) == (None, None, None)


def test_coalesced_gaps_are_a_share_of_the_gaps() -> None:
    # Four gaps in each of two calls, one of each coalesced.
    assert seen_by(asked("a"), asked("b")).coalesced_share == 0.25


def test_dispatch_is_sent_minus_meant() -> None:
    seen = seen_by(asked(meant_ns=RECEIVED_NS - 2 * MS))
    assert seen.dispatch_ms == Spread(p50=1.99, p99=1.99, max=1.99)


def test_ranks_are_of_sizes_and_nearest() -> None:
    found = spread([-place * MS for place in range(1, 201)])
    assert found == Spread(p50=100.0, p99=198.0, max=200.0)
    assert spread([]) is None


# ---------------------------------------------------------------- what is said of it


def said(*levels: LevelSeen, **machine: object) -> str:
    return "\n".join(advice(replace(MACHINE, **machine), levels))


def test_the_larger_of_seen_and_stated_error_decides_what_can_be_trusted() -> None:
    text = said(seen_by(asked(first_off_ns=15 * US)))
    assert (
        "At 4 in flight this client was off by 0.025 ms at most in all 1 calls, and stated 0.09 ms. "
        "So times of 9 ms and longer are right to 1%."
    ) in text
    off = said(seen_by(asked(first_off_ns=15 * MS)))
    assert "off by 15 ms at most" in off
    assert "times of 1.5 s and longer are right to 1%" in off


def test_99_percent_are_spoken_of_from_a_hundred_calls_on() -> None:
    many = [asked(str(number)) for number in range(100)]
    assert "for 99% of calls" in said(seen_by(*many))
    assert "in all 99 calls" in said(seen_by(*many[1:]))


def test_a_level_without_an_answer_promises_nothing() -> None:
    text = said(compare("4 in flight", [failed()], {}))
    assert text == "At 4 in flight: nothing is known, for none of 1 calls can be compared with the log."


def test_an_error_larger_than_stated_is_said() -> None:
    text = said(seen_by(asked("a"), asked("b", first_off_ns=5 * MS)))
    assert "At 4 in flight the error was larger than stated for 50.0% of calls" in text


def test_a_client_without_a_stated_error_says_so() -> None:
    text = said(seen_by(asked(observed=None)))
    assert "cannot state its own error" in text
    assert "Every run states" not in text


def test_who_dated_the_arrivals_is_said_where_it_was_not_the_kernel() -> None:
    by_kernel, by_user = asked("a"), asked("b")
    by_user = replace(by_user, exchange=replace(by_user.exchange, tape=replace(by_user.exchange.tape, source="user")))
    assert "The kernel did not date" not in said(seen_by(by_kernel))
    assert "The kernel did not date arrivals, this program did" in said(seen_by(by_user))
    assert "The kernel did not date all arrivals of 50% of the calls" in said(seen_by(by_kernel, by_user))


def test_coalesced_gaps_suggest_workers_until_there_are_some() -> None:
    level = seen_by(asked())
    assert "25.0% of the gaps between deltas may be 0 only because" in said(level)
    assert "--workers auto" in said(level)
    assert "--workers auto" not in said(level, n_workers=2)


def test_a_busy_machine_is_said() -> None:
    assert "busy (load 2.5, 2 cores)" in said(seen_by(asked()), load_average=2.5)
    assert "busy" not in said(seen_by(asked()), load_average=2.0)
