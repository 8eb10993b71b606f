"""The stated error of one exchange, on tapes written by hand."""

from __future__ import annotations

from array import array

import pytest

from evalharness.core.ports import Tape
from evalharness.core.record import Observed, Stamps, StampSource
from evalharness.transport.observing import STAMP_ERROR_NS, Observing

US = 1_000
ONE = b"data: 1\n\n"


def observed(
    *reads: tuple[int, bytes],
    earliest_ns: list[int],
    late_ns: int = 30 * US,
    source: StampSource = StampSource.KERNEL,
    stamps: Stamps | None = None,
) -> Observed | None:
    observing = Observing()
    for read in reads:
        observing.take([read])
    tape = Tape(
        sent_ns=0,
        closed_ns=10**9,
        source=source,
        send_ns=7 * US,
        earliest_ns=array("q", earliest_ns),
        read_ns=array("q", [at_ns + late_ns for at_ns, _ in reads]),
    )
    at_ns = [at_ns for at_ns, _ in reads]
    default = Stamps(first_output_ns=at_ns[0] if at_ns else None, done_ns=at_ns[-1] if at_ns else None)
    return observing.observed(tape, stamps or default)


def test_a_read_with_one_event_is_dated_by_its_own_arrival():
    seen = observed((1000 * US, ONE), (2000 * US, ONE), earliest_ns=[900 * US, 1940 * US])
    assert seen is not None
    assert (seen.first_output_error_ns, seen.send_ns, seen.max_lag_ns) == (STAMP_ERROR_NS, 7 * US, 30 * US)


@pytest.mark.parametrize(
    "data",
    [ONE + ONE, ONE + b"data: beg", b"data: 1\r\n\r\ndata: 2\r\n\r\n", b": x\n\n" + ONE],
    ids=["two events", "the beginning of another", "CRLF", "a comment before it"],
)
def test_an_event_that_something_follows_may_have_come_earlier(data: bytes):
    seen = observed((1000 * US, data), (2000 * US, ONE), earliest_ns=[900 * US, 1990 * US])
    assert seen is not None
    assert seen.first_output_error_ns == STAMP_ERROR_NS + 100 * US


def test_the_end_of_the_body_may_have_come_with_its_last_event():
    seen = observed((1000 * US, ONE), (2000 * US, ONE), earliest_ns=[900 * US, 1960 * US])
    assert seen is not None
    assert seen.done_error_ns == STAMP_ERROR_NS + 40 * US


@pytest.mark.parametrize("data", [b'{"id": "r"', b"data: half of an event", b"tail\n\n"])
def test_a_read_that_ends_no_event_or_ends_with_one_is_sure(data: bytes):
    seen = observed((1000 * US, data), (2000 * US, ONE), earliest_ns=[0, 2000 * US])
    assert seen is not None
    assert seen.first_output_error_ns == STAMP_ERROR_NS


def test_without_the_kernel_every_read_has_the_whole_bound():
    seen = observed((1000 * US, ONE), earliest_ns=[400 * US], source=StampSource.USER)
    assert seen is not None
    assert seen.first_output_error_ns == STAMP_ERROR_NS + 600 * US


THINKING = b'data: {"type": "response.reasoning_text.delta", "delta": "hm"}\n\n'
CHAT_THINKING = b'data: {"choices": [{"delta": {"role": "assistant", "reasoning_content": "hm"}}]}\n\n'
ROLE = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
WRITING = b'data: {"type": "response.output_text.delta", "delta": "5"}\n\n'


def reasoning_error_ns(data: bytes, **stamps: int) -> int | None:
    """Of reasoning dated by the first of two reads, before which the socket was empty for 100 us."""
    stamped = Stamps(first_reasoning_ns=1000 * US, **stamps)
    seen = observed((1000 * US, data), (2000 * US, ONE), earliest_ns=[900 * US, 1990 * US], stamps=stamped)
    assert seen is not None
    return seen.first_reasoning_error_ns


@pytest.mark.parametrize("data", [THINKING, ONE + THINKING, ROLE + CHAT_THINKING], ids=["alone", "behind", "chat"])
def test_reasoning_that_ends_its_read_as_the_only_delta_is_dated_by_its_own_arrival(data: bytes):
    assert reasoning_error_ns(data) == STAMP_ERROR_NS


@pytest.mark.parametrize(
    ("data", "stamps"),
    [(THINKING + THINKING, {}), (THINKING + ONE, {}), (ONE + WRITING, {"first_output_ns": 1000 * US})],
    ids=["another delta before it", "something behind it", "the delta is output"],
)
def test_reasoning_that_may_have_come_before_the_end_of_its_read_has_the_whole_bound(data: bytes, stamps):
    assert reasoning_error_ns(data, **stamps) == STAMP_ERROR_NS + 100 * US


def test_without_reasoning_there_is_no_error_of_it():
    seen = observed((1000 * US, ONE), earliest_ns=[900 * US])
    assert seen is not None
    assert seen.first_reasoning_error_ns is None


def test_gaps_of_zero_in_a_read_that_may_have_waited_are_counted():
    stamps = Stamps(deltas_ns=array("q", [1000 * US] * 3 + [2000 * US] * 2))
    waited = observed((1000 * US, ONE * 3), (2000 * US, ONE * 2), earliest_ns=[0, 1990 * US], stamps=stamps)
    at_once = observed((1000 * US, ONE * 3), (2000 * US, ONE * 2), earliest_ns=[990 * US, 1990 * US], stamps=stamps)
    assert waited is not None and at_once is not None
    assert (waited.n_coalesced, at_once.n_coalesced) == (2, 0)
    assert (waited.first_output_error_ns, waited.done_error_ns) == (None, None)


def test_what_was_gathered_in_one_read_may_have_waited_since_the_socket_was_empty():
    gathered = observed((1000 * US, ONE * 3), (2000 * US, ONE), earliest_ns=[400 * US, 1990 * US])
    bundled = observed((1000 * US, ONE * 3), (2000 * US, ONE), earliest_ns=[900 * US, 1990 * US])
    assert gathered is not None and bundled is not None
    assert (gathered.max_lag_ns, bundled.max_lag_ns) == (630 * US, 30 * US)


def test_a_transport_that_cannot_tell_states_nothing():
    assert observed((1000 * US, ONE), earliest_ns=[]) is None
    assert observed(earliest_ns=[]) is None
