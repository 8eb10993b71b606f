"""The judge of the clients, judged: made-up truths, and clients whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.observed_errors import errors_of, stated_of
from tests.bench.race import Heat
from tests.bench.servers.answers import Answer, as_file, lone_deltas, warm_up
from tests.bench.servers.truth import TrueCall, Truth, read_log

ANSWER = lone_deltas(n_deltas=3, ttft_ns=200, gap_ns=10)
RECEIVED_NS = 1_000
WRITE_TOOK_NS = 4


def truth(*, late_ns: int = 0) -> Truth:
    due = np.array([RECEIVED_NS + write.offset_ns for write in ANSWER.writes])
    before = due + late_ns
    call = TrueCall(
        number=0, connection=0, received_ns=RECEIVED_NS, due_ns=due, before_ns=before, after_ns=before + WRITE_TOOK_NS
    )
    return Truth(calls={0: call}, n_cold=0)


def heat(reads: list[list[int]], *, unit: str, late_ns: int = 0, **stated: object) -> Heat:
    call = {"call": 0, "sent_ns": RECEIVED_NS - 7, "send_ns": 9, "reads": reads, **stated}
    return Heat(summary={"unit": unit}, calls=(call,), truth=truth(late_ns=late_ns))


def reads_of(unit: str, delay_ns: int, answer: Answer = ANSWER) -> list[list[int]]:
    return [[RECEIVED_NS + write.offset_ns + delay_ns, getattr(write, unit)] for write in answer.writes]


@pytest.mark.parametrize("unit", ["wire_bytes", "body_bytes", "events", "deltas"])
def test_a_constant_delay_is_the_arrival_error_in_every_unit(unit: str) -> None:
    errors = errors_of(heat(reads_of(unit, 5), unit=unit), ANSWER)
    assert errors.arrival.tolist() == [[5, 5, 5]]
    assert errors.gap.tolist() == [[0, 0]]
    # The request was on its way for 7 ns, which a client takes for waiting.
    assert errors.delivery.tolist() == [7]
    assert errors.ttft.tolist() == [12]
    assert errors.end.tolist() == [12]


def test_a_late_server_is_no_error_of_the_client() -> None:
    reads = [[at_ns + 40, total] for at_ns, total in reads_of("events", 5)]
    errors = errors_of(heat(reads, unit="events", late_ns=40), ANSWER)
    assert errors.arrival.tolist() == [[5, 5, 5]]
    assert set(errors.lateness.tolist()) == {40}


def test_a_delta_that_was_read_with_the_next_one_has_its_stamp() -> None:
    reads = reads_of("body_bytes", 5)
    del reads[1]  # the first delta's read
    errors = errors_of(heat(reads, unit="body_bytes"), ANSWER)
    assert errors.arrival.tolist() == [[15, 5, 5]]
    assert errors.gap.tolist() == [[-10, 0]]


def test_gaps_that_a_client_disowns_are_not_held_against_it() -> None:
    reads = reads_of("deltas", 5)[1:]
    assert errors_of(heat(reads, unit="deltas", n_coalesced=1), ANSWER).gap.size == 0


@pytest.mark.parametrize(("done_ns", "n_judged"), [(230, 2), (220, 0)], ids=["the end by itself", "both at once"])
def test_a_last_delta_that_was_read_with_the_end_is_disowned_too(done_ns: int, n_judged: int) -> None:
    """The end is written 10 ns after the last delta: dated alike, one of them is dated wrongly."""
    one = heat(deltas(0), unit="deltas", n_coalesced=0, done_ns=RECEIVED_NS + done_ns)
    errors = errors_of(one, ANSWER)
    assert (errors.gap.size, errors.sure_mean_gap.size) == (n_judged, n_judged // 2)
    assert errors.mean_gap.size == 1


def deltas(delay_ns: int) -> list[list[int]]:
    return [[RECEIVED_NS + 200 + 10 * index + delay_ns, index + 1] for index in range(3)]


@pytest.mark.parametrize(
    ("delay_ns", "missed_ns"),
    [(-3, 3), (0, 0), (WRITE_TOOK_NS, 0), (WRITE_TOOK_NS + 6, 6)],
    ids=["before the write", "as it began", "as it ended", "after it"],
)
def test_a_stamp_is_wrong_by_what_lies_between_it_and_the_write(delay_ns: int, missed_ns: int) -> None:
    one = heat(
        deltas(delay_ns), unit="deltas", source="kernel", first_output_error_ns=5, max_lag_ns=1, n_coalesced=0
    )  # fmt: skip
    stated = stated_of(one, ANSWER)
    assert stated is not None
    assert stated.missed.tolist() == [missed_ns]
    assert stated.bound.tolist() == [5]
    assert stated.ttft_bound.tolist() == [14]
    assert stated.ttft_missed.tolist() == [missed_ns + 7]


def test_a_client_that_states_nothing_is_not_judged_by_it() -> None:
    assert stated_of(heat(deltas(0), unit="deltas"), ANSWER) is None


def test_answers_are_chunked_as_their_counts_say() -> None:
    wire = b"".join(write.wire for write in ANSWER.writes)
    head, _, rest = wire.partition(b"\r\n\r\n")
    body = b""
    while not rest.startswith(b"0\r\n\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    last = ANSWER.writes[-1]
    assert head.startswith(b"HTTP/1.1 200")
    assert (last.wire_bytes, last.body_bytes) == (len(wire), len(body))
    assert (last.events, last.deltas) == (body.count(b"\n\n"), body.count(b"event: response.output_text.delta"))
    assert ANSWER.delta_writes == [1, 2, 3]


def test_the_file_of_answers_gives_every_write_its_offset_and_size() -> None:
    text = as_file([warm_up(1), ANSWER])
    assert text.startswith(b"1\n200000000 ")
    for write in ANSWER.writes:
        assert b"\n%d %d\n%b\n" % (write.offset_ns, len(write.wire), write.wire) in text


def test_the_log_tells_warm_connections_from_new_ones(tmp_path) -> None:
    """Two calls on connection 4, the first of them a warm-up, and one on connection 5."""
    log = tmp_path / "log"
    rows = [[-1, 4, 10, 11, 1, 12, 13, 14], [0, 4, 20, 21, 2, 22, 23, 24, 25, 26, 27], [1, 5, 30, 31, 0]]
    log.write_bytes(np.array([value for row in rows for value in row], dtype="<i8").tobytes())
    found = read_log(log)
    assert sorted(found.calls) == [0, 1]
    assert found.n_cold == 1
    first = found.calls[0]
    assert (first.received_ns, first.due_ns.tolist(), first.before_ns.tolist(), first.after_ns.tolist()) == (
        20, [22, 25], [23, 26], [24, 27],
    )  # fmt: skip
