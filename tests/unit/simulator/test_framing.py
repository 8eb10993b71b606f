"""Bytes of responses, read by the standard library's client."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest

from evalharness.simulator.exchange import Ending, Framing, Script, Write
from evalharness.simulator.framing import Timetable, timetable

WRITES = (Write(5.0, "a", b"one "), Write(7.5, "b", b"two"))


def table(**changes: Any) -> Timetable:
    script = Script(**({"status": 200, "head_ms": 2.0, "writes": WRITES, "framing": Framing.CHUNKED} | changes))
    return timetable(script, start_ns=1_000_000_000, keep_alive=True)


class Sent:
    """Just enough of a socket for ``HTTPResponse``."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.raw)


def read(raw: bytes) -> tuple[http.client.HTTPResponse, bytes]:
    answer = http.client.HTTPResponse(Sent(raw))  # type: ignore[arg-type]
    answer.begin()
    return answer, answer.read()


@pytest.mark.parametrize("framing", Framing)
def test_every_framing_carries_the_same_body(framing: Framing) -> None:
    _, body = read(b"".join(table(framing=framing).bodies))
    assert body == b"one two"


def test_moments_count_from_the_beginning_of_the_work() -> None:
    made = table()
    assert made.labels == [None, "a", "b", None]
    assert made.due_ns == [1_002_000_000, 1_005_000_000, 1_007_500_000, 1_007_500_000]


def test_a_body_of_announced_length_leaves_with_its_head() -> None:
    made = table(framing=Framing.LENGTH)
    assert made.labels == ["a", "b"]
    assert made.due_ns[0] == 1_005_000_000
    assert b"content-length: 7\r\n" in made.bodies[0] and made.bodies[0].endswith(b"\r\n\r\none ")


def test_adorned_chunks_have_extensions_and_trailers() -> None:
    _, first, _, last = table(framing=Framing.ADORNED).bodies
    assert first.startswith(b"4;") and first.endswith(b"\r\none \r\n")
    assert last.startswith(b"0;") and last.count(b": ") == 2 and last.endswith(b"\r\n\r\n")


def test_a_body_until_close_says_nothing_of_its_length() -> None:
    head = table(framing=Framing.CLOSE).bodies[0]
    assert b"content-length" not in head and b"transfer-encoding" not in head


@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RESET])
def test_what_breaks_off_has_no_last_chunk(ending: Ending) -> None:
    assert b"0\r\n\r\n" not in table(ending=ending).bodies


def test_an_empty_write_is_no_chunk_because_that_would_be_the_last() -> None:
    made = table(writes=(Write(1.0, "a", b""), Write(2.0, "b", b"x")))
    assert made.bodies[1] == b""
    assert read(b"".join(made.bodies))[1] == b"x"


def test_interim_heads_precede_the_head_and_are_due_at_once() -> None:
    made = table(interim=(103, 100))
    assert [body.split(b"\r\n")[0] for body in made.bodies[:3]] == [
        b"HTTP/1.1 103 Early Hints",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 200 OK",
    ]
    assert made.due_ns[:2] == [1_000_000_000] * 2
    assert made.head_at == 2 and made.labels[:3] == ["interim", "interim", None]


def test_all_columns_are_of_one_length() -> None:
    for framing in Framing:
        made = table(framing=framing, interim=(103,))
        assert len(made.due_ns) == len(made.bodies) == len(made.labels)


def test_a_status_without_a_name_has_one_all_the_same() -> None:
    assert read(b"".join(table(status=529).bodies))[0].reason == "Overloaded"
