"""The measuring transport under a public ``httpx.AsyncClient``: for hooks, auth objects, redirects, code of others.

The pool, the connections and the reception are those of ``http.py``; httpx decodes, follows and retries as it does over
its own transport. A request with ``Terms`` in its extensions is held to them and answered with its tape::

    client = httpx.AsyncClient(transport=MeasuringTransport())
    response = await client.post(url, json=body, extensions={TERMS: terms})
    tape = response.extensions[TAPE]
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import httpx

from evalharness.core.clock import SystemClock
from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.model import Limits, Timeouts
from evalharness.core.ports import Activity, Clock, Terms
from evalharness.transport.connecting import Destination
from evalharness.transport.network_errors import NoAnswerError
from evalharness.transport.origin import Attempt, Origin
from evalharness.transport.reception import Wanted
from evalharness.transport.settings import verifying_context

#: Extension of a request: the ``Terms`` it is held to.
TERMS = "evalharness.terms"
#: Extension of a response, and of its request where there is none: the ``Tape``.
TAPE = "evalharness.tape"

_PORTS = {"http": 80, "https": 443}
#: For what has no limit: ten years.
_FOREVER_MS = 10 * 365 * 86_400_000.0
_NO_LIMITS = Limits(max_body_bytes=2**62)


class MeasuringTransport(httpx.AsyncBaseTransport):
    """Belongs to the event loop in which it is used. HTTP/1.1 without proxies."""

    def __init__(
        self, *, clock: Clock | None = None, verify: ssl.SSLContext | None = None, unix_socket: str | None = None
    ) -> None:
        """``verify`` None: the certificates that a run trusts. ``unix_socket``: where every origin is reached."""
        self._clock = clock or SystemClock()
        self._verify = verify
        self._unix_socket = unix_socket
        self._origins: dict[tuple[str, str, int], Origin] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Without terms: the response at its head, the body as it comes, httpx's own timeouts and exceptions.

        With terms: after the end of the body, undone from its content encoding. What went wrong after the head is told
        by the tape; without a head the usual exception is raised, and the tape is in the request's extensions.
        """
        raw = await _raw(request)
        origin = self._origin(request.url)
        terms: Terms | None = request.extensions.get(TERMS)
        if terms is None:
            return await _streamed(origin, raw, request)
        return await _taped(origin, raw, request, terms)

    async def aclose(self) -> None:
        for origin in self._origins.values():
            origin.close()

    def _origin(self, url: httpx.URL) -> Origin:
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is neither http nor https")
        host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
        origin = self._origins.get((url.scheme, host, port))
        if origin is None:
            tls = (self._verify or verifying_context()) if url.scheme == "https" else None
            to = Destination(host=host, port=port, tls=tls, unix_socket=self._unix_socket)
            origin = self._origins[url.scheme, host, port] = Origin(to, self._clock)
        return origin


async def _raw(request: httpx.Request) -> bytes:
    """Head and body. A body that is a stream is gathered first: the time it takes to make is not the server's."""
    lines = [request.method.encode("ascii") + b" " + request.url.raw_path + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw]
    if any(sign in line for line in lines for sign in (b"\r", b"\n", b"\0")):
        raise httpx.LocalProtocolError("a header or the address holds a line end")
    assert isinstance(request.stream, httpx.AsyncByteStream)
    body = b"".join([part async for part in request.stream])
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    return b"\r\n".join([*lines, b"", body])


def _has_no_body(request: httpx.Request) -> bool:
    return request.method == "HEAD"


# ---------------------------------------------------------------- with terms


async def _taped(origin: Origin, raw: bytes, request: httpx.Request, terms: Terms) -> httpx.Response:
    attempt, tape = await origin.exchange(raw, terms, Wanted(has_no_body=_has_no_body(request)))
    request.extensions[TAPE] = tape
    if attempt.reception is None or tape.head is None:
        raise _error(attempt)
    headers = attempt.reception.raw_headers
    if tape.head.headers.get("content-encoding"):
        # It has been undone, and httpx must not try again.
        headers = [pair for pair in headers if pair[0].lower() not in (b"content-encoding", b"content-length")]
    body = b"".join(data for _, data in tape.reads)
    return httpx.Response(
        tape.head.status, headers=headers, stream=httpx.ByteStream(body), extensions={TAPE: tape}, request=request
    )


# ---------------------------------------------------------------- as any other client


class _EveryByte:
    """Implements ``Watch`` where no clock of the harness runs."""

    def saw(self, _data: bytes) -> Activity:
        return Activity.DATA


async def _streamed(origin: Origin, raw: bytes, request: httpx.Request) -> httpx.Response:
    limits_s: dict[str, float | None] = request.extensions.get("timeout", {})
    timeouts = Timeouts(
        connect=_ms(limits_s.get("connect")),
        first_event=_ms(limits_s.get("read")),
        idle=_ms(limits_s.get("write")),
        total=_FOREVER_MS,
    )
    terms = Terms(timeouts=timeouts, limits=_NO_LIMITS, watch=_EveryByte())
    attempt = await origin.until_head(raw, terms, Wanted(is_raw=True, has_no_body=_has_no_body(request)))
    reception = attempt.reception
    if reception is None or reception.head is None:
        origin.let_go(attempt)
        raise _error(attempt)
    body = _Body(origin, attempt, limits_s.get("read"))
    return httpx.Response(reception.head.status, headers=reception.raw_headers, stream=body, request=request)


def _ms(seconds: float | None) -> float:
    return _FOREVER_MS if seconds is None else seconds * 1000


class _Body(httpx.AsyncByteStream):
    """The bytes of a body as they come, still encoded. Read slowly, it lets the server wait."""

    def __init__(self, origin: Origin, attempt: Attempt, read_s: float | None) -> None:
        self._origin = origin
        self._attempt = attempt
        self._read_s = read_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reception, connection = self._attempt.reception, self._attempt.connection
        assert reception is not None and connection is not None
        while True:
            for _, data in reception.take():
                yield data
            if reception.has_kept:
                continue
            if reception.is_over:
                break
            connection.watch()
            try:
                async with asyncio.timeout(self._read_s):
                    await reception.turn()
            except TimeoutError:
                raise httpx.ReadTimeout(f"no data from {self._origin.place} for {self._read_s:g} s") from None
        self._origin.let_go(self._attempt)
        if self._attempt.failure is not None:
            raise _error(self._attempt)

    async def aclose(self) -> None:
        self._origin.let_go(self._attempt)


def _error(attempt: Attempt) -> httpx.TransportError:
    """What httpx raises over its own transport. Of an attempt that was let go and has a failure."""
    failure = attempt.failure
    message = failure.message if failure is not None else "the exchange ended without a response"
    kind: type[httpx.TransportError]
    if failure is not None and failure.clock is not None:
        kind = _TIMEOUTS[failure.clock]
    elif attempt.reception is None:
        kind = httpx.ConnectError
    elif isinstance(attempt.cause, BrokenPipeError):
        kind = httpx.WriteError
    elif isinstance(attempt.cause, OSError) and not isinstance(attempt.cause, NoAnswerError):
        kind = httpx.ReadError
    else:
        kind = httpx.RemoteProtocolError
    return kind(message)


_TIMEOUTS: dict[TimeoutClock, type[httpx.TransportError]] = {
    TimeoutClock.CONNECT: httpx.ConnectTimeout,
    # Of a streamed exchange this is the clock of sending.
    TimeoutClock.IDLE: httpx.WriteTimeout,
    TimeoutClock.FIRST_EVENT: httpx.ReadTimeout,
    TimeoutClock.TOTAL: httpx.ReadTimeout,
}
