"""One endpoint over httpx: for proxies and HTTP/2, which the measuring transport leaves to it."""

from __future__ import annotations

import asyncio
import importlib
import ssl
import sys
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ports import HttpRequest, Tape, Terms
from evalharness.transport.moments import sleep_until
from evalharness.transport.network_errors import (
    clock_failure,
    connection_failure,
    cut_failure,
    is_bad_location,
    is_header_bomb,
)
from evalharness.transport.recording import Recording
from evalharness.transport.settings import HttpSettings, address_of, headers_of, verifying_context
from evalharness.wire.redact import redact

if TYPE_CHECKING:
    import httpx

#: What a route's ``proxy`` says to take it from the usual variables.
FROM_ENVIRONMENT = "environment"
_KEEPALIVE_S = 30.0
#: httpcore's words for a connection that ended before a head was complete.
_NO_ANSWER = "without sending a response"


class HttpxTransport:
    """Implements the ``Transport`` port for proxies and HTTP/2. Belongs to the event loop in which it was first used.

    Its times are those of httpx: a read is dated when the event loop comes round to it.
    """

    def __init__(self, settings: HttpSettings) -> None:
        """Raises ``EndpointError`` for a base URL that is none and for a key that cannot be written into a header."""
        self._address = address_of(settings)
        self._settings = settings
        self._client: httpx.AsyncClient | None = None

    async def exchange(self, request: HttpRequest, terms: Terms) -> Tape:
        """One attempt, told as a tape whatever the service did. A cancellation passes through.

        A reused connection that dies without an answer is a keep-alive that ran out while the request was on its way:
        the request is sent once more at once. (Whether a part of a head had come, httpx does not tell.)
        """
        await sleep_until(terms.at_ns, self._settings.clock)
        recording, is_stale = await self._attempt(request, terms)
        if is_stale:
            recording, _ = await self._attempt(request, terms)
        failure = recording.failure
        if failure is not None and self._settings.api_key is not None:
            recording.failure = replace(failure, message=redact(failure.message, (self._settings.api_key,)))
        return replace(recording.tape(), resent=is_stale)

    async def _attempt(self, request: HttpRequest, terms: Terms) -> tuple[Recording, bool]:
        """The second: whether the connection was stale."""
        httpx = _httpx()
        # Before the clocks: reading the certificates for it takes a while.
        client = self._opened()
        timeout = asyncio.timeout(None)
        recording = Recording(self._settings.clock, terms, timeout)
        try:
            async with timeout:
                recording.start()
                await self._send(client, recording, request)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            recording.failure = self._failure(error, recording, has_expired=timeout.expired())
            return recording, not timeout.expired() and _is_stale(error, recording)
        return recording, False

    async def _send(self, client: httpx.AsyncClient, recording: Recording, request: HttpRequest) -> None:
        # Built by hand and not by the client, which would add headers of its own.
        headers = headers_of(request, self._settings)
        url = self._settings.base_url.rstrip("/") + "/" + request.path.lstrip("/")
        built = _httpx().Request(
            "POST", url, headers=headers, content=request.body, extensions={"trace": recording.trace}
        )
        try:
            response = await client.send(built, stream=True)
        except BaseException:
            await recording.drop_connection()
            raise
        try:
            await recording.read(response)
        finally:
            await response.aclose()

    def _failure(self, error: Exception, recording: Recording, *, has_expired: bool) -> Failure | None:
        if has_expired:
            lost = recording.lost_to()
            return None if lost is None else clock_failure(*lost, self._address.place)
        if is_header_bomb(error):
            return Failure(
                kind=FailureKind.TOO_LARGE, message=f"the response head of {self._address.place} is too large"
            )
        if is_bad_location(error):
            return Failure(
                kind=FailureKind.REDIRECT, message=f"{self._address.place} redirects to an address that is none"
            )
        if recording.head is None:
            return connection_failure(error, self._address.place)
        return cut_failure(error, self._address.place)

    async def open(self, _connections: int) -> None:
        """Import httpx and make the client, so that no call waits for it; it opens no connection ahead of need."""
        self._opened()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = _new_client(self._settings)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


def _new_client(settings: HttpSettings) -> httpx.AsyncClient:
    """No certificates and, unless the route says so, no proxies from the environment; no redirects (prompt and key
    would leave the origin), and no clocks of httpx's own: an idle clock that a comment resets is none."""
    library = _httpx()
    limits = library.Limits(
        max_connections=None, max_keepalive_connections=settings.concurrency, keepalive_expiry=_KEEPALIVE_S
    )
    is_secure = address_of(settings).is_secure
    verify = verifying_context(http2=settings.route.http2) if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    from_environment = settings.route.proxy == FROM_ENVIRONMENT
    client: httpx.AsyncClient = library.AsyncClient(
        verify=verify,
        http2=settings.route.http2,
        proxy=None if from_environment else settings.route.proxy,
        limits=limits,
        trust_env=from_environment,
        follow_redirects=False,
        timeout=None,
    )
    return client


def _httpx() -> ModuleType:
    """httpx, imported when the first request is made, without its command line.

    Where click is installed, as it is here, importing httpx imports a command line with rich and pygments: 60 ms that
    no call needs. httpx does without where that import fails.
    """
    if "httpx" not in sys.modules and "httpx._main" not in sys.modules:
        sys.modules["httpx._main"] = None  # type: ignore[assignment]
        try:
            importlib.import_module("httpx")
        finally:
            del sys.modules["httpx._main"]
    return importlib.import_module("httpx")


def _is_stale(error: Exception, recording: Recording) -> bool:
    httpx = _httpx()
    if not recording.was_reused or recording.head is not None:
        return False
    died = isinstance(error, httpx.ReadError | httpx.WriteError)
    return died or (isinstance(error, httpx.RemoteProtocolError) and _NO_ANSWER in str(error))
