"""One endpoint over HTTP/1.1, measured: requests out, what came back with the moment it came as a tape."""

from __future__ import annotations

from dataclasses import replace

from evalharness.core.ports import HttpRequest, Tape, Terms
from evalharness.transport.connecting import Destination
from evalharness.transport.heads import request_head
from evalharness.transport.origin import Origin
from evalharness.transport.settings import HttpSettings, address_of, headers_of, verifying_context
from evalharness.wire.redact import redact


class HttpTransport:
    """Implements the ``Transport`` port. Belongs to the event loop in which it is used."""

    def __init__(self, settings: HttpSettings) -> None:
        """Raises ``EndpointError`` for a base URL that is none and for a key that cannot be written into a header."""
        self._address = address_of(settings)
        self._settings = settings
        to = Destination(
            host=self._address.host,
            port=self._address.port,
            tls=verifying_context() if self._address.is_secure else None,
            unix_socket=settings.route.unix_socket,
        )
        self._origin = Origin(to, settings.clock)

    async def open(self, connections: int) -> None:
        await self._origin.open(connections)

    async def exchange(self, request: HttpRequest, terms: Terms) -> Tape:
        """One attempt, told as a tape whatever the service did. A cancellation passes through.

        Raises ``ValueError`` for a request that is none: a line end in its path or headers.
        """
        _, tape = await self._origin.exchange(self._raw(request), terms)
        key = self._settings.api_key
        if tape.failure is None or key is None:
            return tape
        return replace(tape, failure=replace(tape.failure, message=redact(tape.failure.message, (key,))))

    async def close(self) -> None:
        """Idle connections now; those in use as their exchanges end."""
        self._origin.close()

    def _raw(self, request: HttpRequest) -> bytes:
        target = f"{self._address.path}/{request.path.lstrip('/')}"
        headers = headers_of(request, self._settings)
        head = request_head(target, self._address.host_header, headers, body_bytes=len(request.body))
        return head + request.body
