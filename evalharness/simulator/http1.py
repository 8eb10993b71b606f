"""Just enough HTTP/1.1 for a test server: bytes in, requests out. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from evalharness.simulator.exchange import RejectedError

MAX_HEAD_BYTES = 64 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BLANK_LINE = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """Header names are in lower case. ``query`` has the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


class UnreadableError(Exception):
    """A request that ends the connection after an error response: its body was not read."""

    def __init__(self, rejection: RejectedError) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    method: str
    target: str
    headers: Mapping[str, str]
    body_bytes: int
    keep_alive: bool


class RequestReader:
    """The requests of one connection, whatever the reads they arrive in."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._received = bytearray()
        self._head: _Head | None = None
        self._must_continue = False

    @property
    def is_full(self) -> bool:
        """More waits here than one request may have: nothing should be read before one was taken."""
        return len(self._received) > MAX_HEAD_BYTES + self._max_body_bytes

    def feed(self, received: bytes) -> None:
        self._received += received

    def next_request(self) -> HttpRequest | None:
        """None where it has not arrived whole. Raises ``UnreadableError``."""
        if self._head is None:
            self._head = self._read_head()
        head = self._head
        if head is None or len(self._received) < head.body_bytes:
            return None
        body = bytes(self._received[: head.body_bytes])
        del self._received[: head.body_bytes]
        self._head, self._must_continue = None, False
        parts = urlsplit(head.target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return HttpRequest(
            method=head.method,
            path=parts.path,
            query=query,
            headers=head.headers,
            body=body,
            keep_alive=head.keep_alive,
        )

    def take_continue(self) -> bool:
        """Whether the client waits for ``CONTINUE``; true once a request."""
        wanted, self._must_continue = self._must_continue, False
        return wanted

    def _read_head(self) -> _Head | None:
        end = self._received.find(_BLANK_LINE, 0, MAX_HEAD_BYTES + len(_BLANK_LINE))
        if end < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise UnreadableError(RejectedError(status=431, message="The request headers are too large."))
            return None
        text = self._received[:end].decode("latin-1")
        del self._received[: end + len(_BLANK_LINE)]
        head = _parse_head(text)
        if head.body_bytes > self._max_body_bytes:
            message = f"The request body is larger than {self._max_body_bytes} bytes."
            raise UnreadableError(RejectedError(status=413, message=message))
        self._must_continue = head.headers.get("expect", "").lower() == "100-continue"
        return head


def _parse_head(text: str) -> _Head:
    line, *lines = text.split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
    try:
        method, target, version = line.split(" ")
        body_bytes = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise UnreadableError(RejectedError(status=400, message="The request is not HTTP/1.1.")) from error
    if "transfer-encoding" in headers or body_bytes < 0:
        raise UnreadableError(RejectedError(status=411, message="Send the body with a Content-Length."))
    closing = headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
    return _Head(method=method, target=target, headers=headers, body_bytes=body_bytes, keep_alive=not closing)
