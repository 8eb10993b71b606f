"""One endpoint over HTTP/1.1, measured: requests out, what came back with the moment it came as a tape."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure
from evalharness.core.ports import HttpRequest, Tape, Terms
from evalharness.core.record import StampSource
from evalharness.core.units import NS_PER_S, ns_from_ms
from evalharness.transport.connecting import Destination
from evalharness.transport.connection import Connection
from evalharness.transport.heads import request_head
from evalharness.transport.moments import sleep_until
from evalharness.transport.network_errors import broken, clock_failure
from evalharness.transport.pool import Pool
from evalharness.transport.reception import Reception
from evalharness.transport.settings import HttpSettings, address_of, headers_of, verifying_context
from evalharness.wire.redact import redact


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One try, while it happens. ``reception`` None: the request was never sent."""

    started_ns: int
    connection: Connection | None = None
    reception: Reception | None = None
    is_reused: bool | None = None
    connect_ns: int | None = None
    sent_ns: int | None = None
    send_ns: int = 0
    failure: Failure | None = None

    @property
    def is_stale(self) -> bool:
        """Died without a byte on a connection that had been kept open: it was closed as the request came in."""
        reception = self.reception
        return bool(self.is_reused and reception is not None and not reception.saw_bytes and self._died)

    @property
    def _died(self) -> bool:
        return self.failure is not None and self.failure.clock is None


class HttpTransport:
    """Implements the ``Transport`` port. Belongs to the event loop in which it is used."""

    def __init__(self, settings: HttpSettings) -> None:
        """Raises ``EndpointError`` for a base URL that is none and for a key that cannot be written into a header."""
        self._address = address_of(settings)
        self._settings = settings
        self._pool = Pool(
            Destination(
                host=self._address.host,
                port=self._address.port,
                tls=verifying_context() if self._address.is_secure else None,
                unix_socket=settings.route.unix_socket,
            ),
            settings.clock,
        )

    async def open(self, connections: int) -> None:
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                await self._pool.open(connections)
        except TimeoutError:
            # The exchanges themselves will tell, each within its own clock.
            return

    async def exchange(self, request: HttpRequest, terms: Terms) -> Tape:
        """One attempt, told as a tape whatever the service did. A cancellation passes through.

        A reused connection that dies without a byte of an answer is a keep-alive that ran out while the request was on
        its way: the request is sent once more at once, on a connection of its own.
        """
        attempt = await self._attempt(request, terms, fresh=False)
        if attempt.is_stale:
            self._pool.drop_idle()
            attempt = await self._attempt(request, replace(terms, at_ns=None), fresh=True)
        return self._tape(attempt)

    async def close(self) -> None:
        self._pool.close()

    # ------------------------------------------------------------ one attempt

    async def _attempt(self, request: HttpRequest, terms: Terms, *, fresh: bool) -> _Attempt:
        attempt = _Attempt(started_ns=self._settings.clock.monotonic_ns())
        try:
            await self._connect(attempt, terms, fresh=fresh)
            if attempt.connection is not None:
                await self._converse(attempt, request, terms)
        finally:
            self._let_go(attempt)
        return attempt

    async def _connect(self, attempt: _Attempt, terms: Terms, *, fresh: bool) -> None:
        attempt.connection = None if fresh else self._pool.take()
        attempt.is_reused = attempt.connection is not None
        if attempt.connection is not None:
            return
        limit_ns = ns_from_ms(min(terms.timeouts.connect, terms.timeouts.total))
        clock = TimeoutClock.CONNECT if terms.timeouts.connect <= terms.timeouts.total else TimeoutClock.TOTAL
        try:
            async with asyncio.timeout(limit_ns / NS_PER_S):
                attempt.connection = await self._pool.new()
        except TimeoutError:
            attempt.failure = clock_failure(clock, limit_ns, self._address.place)
        except OSError as error:
            attempt.failure = broken(error, self._address.place, has_head=False)
        else:
            attempt.connect_ns = self._settings.clock.monotonic_ns() - attempt.started_ns

    async def _converse(self, attempt: _Attempt, request: HttpRequest, terms: Terms) -> None:
        assert attempt.connection is not None
        raw = self._raw(request)
        clock = self._settings.clock
        await sleep_until(terms.at_ns, clock)
        started_ns = max(attempt.started_ns, terms.at_ns or 0)
        reception = Reception(terms, place=self._address.place, clock=clock, started_ns=started_ns)
        attempt.reception = reception
        sent_ns = clock.monotonic_ns()
        try:
            sent_ns, attempt.send_ns = await attempt.connection.send(raw, reception)
        except OSError as error:
            # The answer to a request that was refused while it was sent may be there already.
            if not reception.is_over:
                attempt.failure = broken(error, self._address.place, has_head=False)
                attempt.sent_ns = sent_ns
                return
        attempt.sent_ns = sent_ns
        await reception.wait(sent_ns)
        attempt.failure = reception.failure

    def _raw(self, request: HttpRequest) -> bytes:
        target = f"{self._address.path}/{request.path.lstrip('/')}"
        headers = headers_of(request, self._settings)
        head = request_head(target, self._address.host_header, headers, body_bytes=len(request.body))
        return head + request.body

    def _let_go(self, attempt: _Attempt) -> None:
        connection = attempt.connection
        if connection is None:
            return
        if attempt.reception is not None and attempt.reception.leaves_open and attempt.failure is None:
            self._pool.give_back(connection)
        else:
            connection.close()

    def _tape(self, attempt: _Attempt) -> Tape:
        reception, failure = attempt.reception, attempt.failure
        if failure is not None and self._settings.api_key is not None:
            failure = replace(failure, message=redact(failure.message, (self._settings.api_key,)))
        closed_ns = self._settings.clock.monotonic_ns()
        if reception is None or attempt.sent_ns is None:
            return Tape(sent_ns=attempt.started_ns, closed_ns=closed_ns, connect_ns=attempt.connect_ns, failure=failure)
        assert attempt.connection is not None
        by_kernel = attempt.connection.has_kernel_stamps and reception.all_by_kernel
        return Tape(
            sent_ns=attempt.sent_ns,
            closed_ns=closed_ns,
            connect_ns=attempt.connect_ns,
            connection_reused=attempt.is_reused,
            headers_ns=reception.headers_ns,
            head=reception.head,
            reads=reception.reads,
            failure=failure,
            source=StampSource.KERNEL if by_kernel else StampSource.USER,
            send_ns=attempt.send_ns,
            earliest_ns=reception.earliest_ns,
            read_ns=reception.read_ns,
        )


#: Connecting ahead is a courtesy to the first exchanges; a service that does not answer is told by them.
_OPEN_WITHIN_S = 5.0
