"""One endpoint over HTTP. The only module that uses httpx, and the only one that holds a key."""

from __future__ import annotations

import asyncio
import importlib
import ssl
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evalharness.core.errors import EndpointError
from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Limits, Timeouts
from evalharness.core.ports import Clock, HttpRequest, Tape, Watch
from evalharness.transport.deadlines import Deadlines
from evalharness.transport.network_errors import (
    clock_failure,
    connection_failure,
    cut_failure,
    is_bad_location,
    is_header_bomb,
)
from evalharness.transport.recording import Recording
from evalharness.wire.redact import redact

if TYPE_CHECKING:
    import httpx

_PORTS = {"http": 80, "https": 443}
_KEEPALIVE_S = 30.0
#: httpcore's words for a connection that ended before a head was complete.
_NO_ANSWER = "without sending a response"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """``base_url`` with its path, as in ``https://host/v1``. ``concurrency`` is how many exchanges run at once at
    most: as many connections are kept open between them. No exchange ever waits for a connection of another."""

    base_url: str
    clock: Clock
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = 8


class HttpTransport:
    """Implements the ``Transport`` port. Belongs to the event loop in which it was first used.

    Requests ask for ``accept-encoding: identity`` unless they say otherwise: a compressed stream is held back by its
    sender, and its arrival times would mean nothing. Nothing else is added but the key and what HTTP itself needs.
    """

    def __init__(self, settings: HttpSettings) -> None:
        """Raises ``EndpointError`` for a base URL that is none and for a key that cannot be written into a header."""
        if _place(settings.base_url) is None:
            raise EndpointError("base_url is no address", hint="it has the form https://host/v1")
        key = settings.api_key
        if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
            raise EndpointError(
                f"the key for {_place(settings.base_url)} is empty or holds characters that no key has",
                hint="look for quotes, blanks or a line end around it where it is set",
            )
        self._settings = settings
        self._place = _place(settings.base_url) or ""
        self._client: httpx.AsyncClient | None = None

    async def exchange(self, request: HttpRequest, *, timeouts: Timeouts, limits: Limits, watch: Watch) -> Tape:
        """One attempt, told as a tape whatever the service did. A cancellation passes through.

        A reused connection that dies without an answer is a keep-alive that ran out while the request was on its way:
        the request is sent once more at once. (Whether a part of a head had come, httpx does not tell.)
        """
        recording, is_stale = await self._attempt(request, timeouts, limits, watch)
        if is_stale:
            recording, _ = await self._attempt(request, timeouts, limits, watch)
        failure = recording.failure
        if failure is not None and self._settings.api_key is not None:
            recording.failure = replace(failure, message=redact(failure.message, (self._settings.api_key,)))
        return recording.tape()

    async def _attempt(
        self, request: HttpRequest, timeouts: Timeouts, limits: Limits, watch: Watch
    ) -> tuple[Recording, bool]:
        """The second: whether the connection was stale."""
        httpx = _httpx()
        timeout = asyncio.timeout(None)
        deadlines = Deadlines(timeout, timeouts)
        recording = Recording(self._settings.clock, limits, deadlines)
        try:
            async with timeout:
                deadlines.start(TimeoutClock.CONNECT)
                await self._send(recording, request, watch)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            recording.failure = self._failure(error, recording, deadlines, has_expired=timeout.expired())
            return recording, not timeout.expired() and _is_stale(error, recording)
        return recording, False

    async def _send(self, recording: Recording, request: HttpRequest, watch: Watch) -> None:
        # Built by hand and not by the client, which would add headers of its own.
        headers = {"accept-encoding": "identity"} | {name.lower(): text for name, text in request.headers.items()}
        if self._settings.api_key is not None:
            headers["authorization"] = f"Bearer {self._settings.api_key}"
        url = self._settings.base_url.rstrip("/") + "/" + request.path.lstrip("/")
        built = _httpx().Request(
            "POST", url, headers=headers, content=request.body, extensions={"trace": recording.trace}
        )
        try:
            response = await self.open().send(built, stream=True)
        except BaseException:
            await recording.drop_connection()
            raise
        try:
            await recording.read(response, watch)
        finally:
            await response.aclose()

    def _failure(
        self, error: Exception, recording: Recording, deadlines: Deadlines, *, has_expired: bool
    ) -> Failure | None:
        if has_expired:
            clock = deadlines.running
            # No clock is running while the end of a finished body is awaited: closing it early is no failure.
            return None if clock is None else clock_failure(clock, deadlines.limit_ns(clock), self._place)
        if is_header_bomb(error):
            return Failure(kind=FailureKind.TOO_LARGE, message=f"the response head of {self._place} is too large")
        if is_bad_location(error):
            return Failure(kind=FailureKind.REDIRECT, message=f"{self._place} redirects to an address that is none")
        if recording.head is None:
            return connection_failure(error, self._place)
        return cut_failure(error, self._place)

    def open(self) -> httpx.AsyncClient:
        """Import httpx and make the client. Done before the first call, so that no call waits for it."""
        if self._client is None:
            self._client = _new_client(self._settings)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


def _new_client(settings: HttpSettings) -> httpx.AsyncClient:
    """No proxies and no certificates from the environment, no redirects (prompt and key would leave the origin), and
    no clocks of httpx's own: an idle clock that a comment resets is none."""
    library = _httpx()
    limits = library.Limits(
        max_connections=None, max_keepalive_connections=settings.concurrency, keepalive_expiry=_KEEPALIVE_S
    )
    is_secure = urlsplit(settings.base_url).scheme == "https"
    verify = _verifying_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = library.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)
    client: httpx.AsyncClient = library.AsyncClient(
        transport=transport, trust_env=False, follow_redirects=False, timeout=None
    )
    return client


@cache
def _verifying_context() -> ssl.SSLContext:
    """One for the process: reading the certificates takes 70 ms. The system's (an office gateway has its own
    authority) and certifi's (some installations have none of the system's)."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


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


def _place(base_url: str) -> str | None:
    """``host:port``, for messages; never the user part, which may be a secret. None: no address."""
    try:
        parts = urlsplit(base_url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return f"{parts.hostname}:{port}" if parts.hostname and parts.scheme in _PORTS else None
