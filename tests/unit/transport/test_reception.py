"""One response, fed by hand: no socket, and no waiting but for the clocks themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from evalharness.core.clock import SystemClock
from evalharness.core.failure import FailureKind
from evalharness.core.model import Limits
from evalharness.core.ports import Activity, ReadSink
from evalharness.transport.reception import WHOLE, Reception, Wanted
from tests.support.scripted_server import LAST_CHUNK, STREAM_HEAD, chunk, head, whole
from tests.support.transports import terms_of

OK = whole(b"hi")


def received(
    *reads: bytes,
    lost: BaseException | bool = False,
    wanted: Wanted = WHOLE,
    limits: Limits | None = None,
    sink: ReadSink | None = None,
) -> Reception:
    """After these reads, and after its connection's end: True for the regular one."""

    async def run() -> Reception:
        clock = SystemClock()
        now_ns = clock.monotonic_ns()
        terms = terms_of(limits=limits, sink=sink)
        reception = Reception(terms, place="h:1", clock=clock, started_ns=now_ns, wanted=wanted)
        for number, data in enumerate(reads):
            reception.received(data, now_ns + number, now_ns + number, now_ns)
        if lost is not False:
            reception.lost(None if lost is True else lost)
        if reception.is_over and wanted is WHOLE:
            await reception.wait(now_ns)
        return reception

    return asyncio.run(run())


def text(reception: Reception) -> bytes:
    return b"".join(data for _, data in reception.reads)


@pytest.mark.parametrize(
    "reads",
    [
        [OK],
        [bytes([byte]) for byte in OK],
        [STREAM_HEAD + chunk(b"hi") + LAST_CHUNK],
        [STREAM_HEAD, b"1;name=value\r\nh\r\n", b"1\r\ni\r\n", b"0\r\ntrailer: x\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", OK],
        [b"\r\n", OK],
        [b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi"],
        [head(content_length="9", transfer_encoding="chunked") + chunk(b"hi") + LAST_CHUNK],
    ],
    ids=[
        "length",
        "byte by byte",
        "chunked",
        "extensions and trailers",
        "interim responses",
        "line end ahead",
        "lines without CR",
        "two lengths",
    ],
)
def test_a_body_ends_as_its_framing_says_and_the_connection_stays(reads: Sequence[bytes]):
    reception = received(*reads)
    assert (text(reception), reception.failure, reception.leaves_open) == (b"hi", None, True)
    assert reception.head is not None
    assert "link" not in reception.head.headers and "trailer" not in reception.head.headers


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_by_its_status_ends_with_its_head(status: int):
    assert received(head(status), wanted=Wanted(is_raw=True)).leaves_open


@pytest.mark.parametrize(
    "data",
    [
        whole(b"hi", connection="close"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        OK + b"GARBAGE",
        OK + OK,
        whole(b"hi", connection="close") + b"x",
    ],
    ids=["close", "HTTP/1.0", "garbage after it", "a second answer", "garbage after close"],
)
def test_an_answer_that_is_whole_stands_though_the_connection_is_not_used_again(data: bytes):
    reception = received(data)
    assert (text(reception), reception.failure, reception.leaves_open) == (b"hi", None, False)


@pytest.mark.parametrize("follows", [b"GARBAGE", OK, b"\0"])
def test_what_follows_an_answer_in_a_later_read_spoils_the_connection_alone(follows: bytes):
    reception = received(OK, follows)
    assert (text(reception), reception.failure, reception.leaves_open) == (b"hi", None, False)


@pytest.mark.parametrize(
    ("reads", "kind"),
    [
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000], FailureKind.TOO_LARGE),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 1000] * 3, FailureKind.TOO_LARGE),
        ([STREAM_HEAD, chunk(b"hi"), *[b"1;" + b"x" * 40_000, b"x" * 40_000]], FailureKind.TOO_LARGE),
        ([STREAM_HEAD, chunk(b"hi"), b"0\r\n", *[b"x: " + b"y" * 1000 + b"\r\n"] * 70], FailureKind.TOO_LARGE),
        ([b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], FailureKind.CONNECTION),
        ([head(transfer_encoding="gzip")], FailureKind.PROTOCOL),
        ([head(transfer_encoding="gzip, chunked")], FailureKind.PROTOCOL),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi"], FailureKind.CONNECTION),
    ],
    ids=[
        "head",
        "interim responses",
        "chunk extension",
        "trailers",
        "upgrade",
        "transfer coding",
        "two transfer codings",
        "two lengths",
    ],
)
def test_what_no_answer_needs_is_refused(reads: Sequence[bytes], kind: FailureKind):
    reception = received(*reads)
    assert reception.failure is not None
    assert (reception.failure.kind, reception.leaves_open) == (kind, False)


def test_a_body_without_a_length_ends_with_its_connection():
    reception = received(head(), b"hi", lost=True)
    assert (text(reception), reception.failure) == (b"hi", None)


def test_but_not_with_a_broken_one():
    reception = received(head(), b"hi", lost=ConnectionResetError())
    assert reception.failure is not None
    assert (text(reception), reception.failure.kind) == (b"hi", FailureKind.STREAM_CUT)


def test_a_head_answers_head_and_a_body_after_it_spoils_the_connection():
    asked = Wanted(is_raw=True, has_no_body=True)
    assert received(head(content_length="5"), wanted=asked).leaves_open
    assert not received(head(content_length="5") + b"hello", wanted=asked).leaves_open


def test_a_body_at_its_limit_passes_and_over_it_does_not():
    assert received(whole(b"hi"), limits=Limits(max_body_bytes=2)).failure is None
    failure = received(whole(b"hi!"), limits=Limits(max_body_bytes=2)).failure
    assert failure is not None
    assert (failure.kind, failure.http_status) == (FailureKind.TOO_LARGE, 200)


def test_an_exchange_that_ends_in_the_same_turn_as_its_clock_has_ended():
    async def run() -> Reception:
        clock = SystemClock()
        now_ns = clock.monotonic_ns()
        reception = Reception(terms_of(total=1), place="h:1", clock=clock, started_ns=now_ns)
        waiting = asyncio.ensure_future(reception.wait(now_ns))
        await asyncio.sleep(0)
        while clock.monotonic_ns() < now_ns + 2_000_000:
            pass
        # The timer is due, and the read that ends the exchange is served before it.
        reception.received(OK, now_ns, now_ns, now_ns)
        await waiting
        return reception

    reception = asyncio.run(run())
    assert (reception.failure, reception.leaves_open) == (None, True)


class Broken:
    def saw(self, data: bytes) -> Activity:
        raise ZeroDivisionError("watch")


def test_a_defect_in_a_watch_ends_the_wait_and_does_not_hang_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("evalharness.transport.reception._LOOK_NS", 1_000_000)

    async def run() -> None:
        clock = SystemClock()
        now_ns = clock.monotonic_ns()
        terms = terms_of()
        object.__setattr__(terms, "watch", Broken())
        reception = Reception(terms, place="h:1", clock=clock, started_ns=now_ns)
        reception.received(STREAM_HEAD + chunk(b"data: 1\n\n"), now_ns, now_ns, now_ns)
        await asyncio.wait_for(reception.wait(now_ns), 2)

    with pytest.raises(ZeroDivisionError, match="watch"):
        asyncio.run(run())


def test_a_long_answer_is_handed_on_in_parts_and_not_kept():
    handed: list[int] = []

    async def run() -> Reception:
        clock = SystemClock()
        now_ns = clock.monotonic_ns()
        terms = terms_of(sink=lambda head, reads: handed.append(sum(len(data) for _, data in reads)))
        reception = Reception(terms, place="h:1", clock=clock, started_ns=now_ns)
        waiting = asyncio.ensure_future(reception.wait(now_ns))
        await asyncio.sleep(0)
        reception.received(STREAM_HEAD, now_ns, now_ns, now_ns)
        for _ in range(100):
            if reception.received(chunk(b"x" * 60_000), now_ns, now_ns, now_ns):
                await asyncio.sleep(0)
        reception.received(LAST_CHUNK, now_ns, now_ns, now_ns)
        await waiting
        return reception

    assert asyncio.run(run()).reads == []
    assert sum(handed) == 6_000_000
    assert max(handed) < 2 * 2**20
