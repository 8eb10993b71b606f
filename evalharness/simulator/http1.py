"""Just enough HTTP/1.1 for a test server: requests in, the framing of responses out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from evalharness.simulator.exchange import RejectedError, Script

MAX_HEAD_BYTES = 64 * 1024


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


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_body_bytes: int
) -> HttpRequest | None:
    """The next request of a connection, None where the client has closed it. Raises ``UnreadableError``."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise UnreadableError(RejectedError(status=431, message="The request headers are too large.")) from error
    line, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = {name.strip().lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
    try:
        method, target, version = line.split(" ")
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise UnreadableError(RejectedError(status=400, message="The request is not HTTP/1.1.")) from error
    if "transfer-encoding" in headers or length < 0:
        raise UnreadableError(RejectedError(status=411, message="Send the body with a Content-Length."))
    if length > max_body_bytes:
        raise UnreadableError(
            RejectedError(status=413, message=f"The request body is larger than {max_body_bytes} bytes.")
        )
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    parts = urlsplit(target)
    closing = headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return HttpRequest(method=method, path=parts.path, query=query, headers=headers, body=body, keep_alive=not closing)


def head_bytes(script: Script, *, keep_alive: bool) -> bytes:
    """Status line and headers, framing among them."""
    try:
        phrase = HTTPStatus(script.status).phrase
    except ValueError:
        phrase = "Overloaded"
    headers = dict(script.headers)
    if script.chunked:
        headers["transfer-encoding"] = "chunked"
    else:
        length = script.body_bytes if script.announced_bytes is None else script.announced_bytes
        headers["content-length"] = str(length)
    headers["connection"] = "keep-alive" if keep_alive else "close"
    lines = [f"HTTP/1.1 {script.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


LAST_CHUNK = b"0\r\n\r\n"
