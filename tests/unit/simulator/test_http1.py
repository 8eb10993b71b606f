from __future__ import annotations

import pytest

from evalharness.simulator.http1 import MAX_HEAD_BYTES, HttpRequest, RequestReader, UnreadableError

FIRST = b"POST /v1/responses?a=1&a=2 HTTP/1.1\r\nHost: x\r\nX-Thing:  some: thing \r\nContent-Length: 5\r\n\r\nhello"
SECOND = b"GET /truth HTTP/1.0\r\n\r\n"


def requests(parts: list[bytes], max_body_bytes: int = 100) -> list[HttpRequest]:
    reader, found = RequestReader(max_body_bytes), []
    for part in parts:
        reader.feed(part)
        while (request := reader.next_request()) is not None:
            found.append(request)
    return found


def test_requests_are_read_one_after_the_other() -> None:
    first, second = requests([FIRST + SECOND])
    assert (first.method, first.path, first.query, first.body) == ("POST", "/v1/responses", {"a": "2"}, b"hello")
    assert first.headers["x-thing"] == "some: thing"
    assert first.keep_alive and not second.keep_alive


def test_reads_that_split_anywhere_give_the_same_requests() -> None:
    raw = FIRST + FIRST + SECOND
    whole = requests([raw])
    assert len(whole) == 3
    assert requests([raw[n : n + 1] for n in range(len(raw))]) == whole
    for place in range(1, len(raw)):
        assert requests([raw[:place], raw[place:]]) == whole


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES, 431),
    ],
)
def test_what_cannot_be_read_says_why(raw: bytes, status: int) -> None:
    with pytest.raises(UnreadableError) as caught:
        requests([raw])
    assert caught.value.rejection.status == status


def test_a_head_of_just_the_permitted_size_is_read() -> None:
    start = b"GET / HTTP/1.1\r\nX: "
    assert len(requests([start + b"a" * (MAX_HEAD_BYTES - len(start)) + b"\r\n\r\n"])) == 1


def test_the_client_that_waits_is_told_to_go_on_once() -> None:
    reader = RequestReader(100)
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.next_request() is None
    assert [reader.take_continue(), reader.take_continue()] == [True, False]
    reader.feed(b"ok")
    request = reader.next_request()
    assert request is not None and request.body == b"ok"


def test_a_client_that_did_not_wait_is_not_told() -> None:
    reader = RequestReader(100)
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok")
    assert reader.next_request() is not None
    assert not reader.take_continue()


def test_more_than_one_request_may_have_is_full() -> None:
    reader = RequestReader(100)
    reader.feed(b"a" * (MAX_HEAD_BYTES + 100))
    assert not reader.is_full
    reader.feed(b"a")
    assert reader.is_full
