"""Exchanges with one origin: a connection for each, the request sent when it is due, the answer as a tape."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass, replace

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure
from evalharness.core.ports import Clock, Tape, Terms
from evalharness.core.record import StampSource
from evalharness.core.units import NS_PER_S, ns_from_ms
from evalharness.transport.connecting import Destination
from evalharness.transport.connection import Connection
from evalharness.transport.moments import sleep_until
from evalharness.transport.network_errors import broken, clock_failure
from evalharness.transport.pool import Pool
from evalharness.transport.reception import WHOLE, Reception, Wanted

#: Connecting ahead is a courtesy to the first exchanges; a service that does not answer is told by them.
_OPEN_WITHIN_S = 5.0
#: A keep-alive that ran out shows within a round trip. What dies in silence later was being answered: another try is
#: for the retry policy to decide, and its time must not vanish from the record.
_STALE_WITHIN_NS = 2 * NS_PER_S
#: Less than any server keeps an idle connection: one that dies sooner did not run out, and the request may well have
#: been read.
_STALE_AFTER_NS = NS_PER_S


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try, while it happens. ``reception`` None: the request was never sent, and ``failure`` says why."""

    started_ns: int
    connection: Connection | None = None
    reception: Reception | None = None
    is_reused: bool | None = None
    idle_ns: int = 0
    is_again: bool = False
    connect_ns: int | None = None
    sent_ns: int = 0
    send_ns: int = 0
    is_dated_by_kernel: bool = False
    failure: Failure | None = None
    cause: BaseException | None = None

    def is_stale(self, now_ns: int) -> bool:
        """Died without a byte on a connection that had been idle: it was closed as the request came in."""
        reception = self.reception
        if not self.is_reused or self.idle_ns < _STALE_AFTER_NS:
            return False
        if reception is None or reception.saw_bytes or reception.cause is None:
            return False
        return now_ns - self.sent_ns < _STALE_WITHIN_NS


class Origin:
    """One destination with its pool. Belongs to the event loop in which it is used."""

    def __init__(self, to: Destination, clock: Clock) -> None:
        self.place = to.place
        self._clock = clock
        self._pool = Pool(to, clock)

    async def open(self, connections: int) -> None:
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                await self._pool.open(connections)
        except TimeoutError:
            # The exchanges themselves will tell, each within its own clock.
            return

    def close(self) -> None:
        """Idle connections now, those in use as they are let go."""
        self._pool.close()

    async def exchange(self, raw: bytes, terms: Terms, wanted: Wanted = WHOLE) -> tuple[Attempt, Tape]:
        """The request ``raw``, head and body, and its answer to the end, whatever the service does.

        A connection that was idle and dies at once without a byte of an answer is a keep-alive that ran out while the
        request was on its way: the request is sent once more, on a connection of its own, and the tape says so.
        """
        attempt = await self._tried(raw, terms, wanted, fresh=False)
        if attempt.is_stale(self._clock.monotonic_ns()):
            self._pool.drop_idle()
            attempt = await self._tried(raw, replace(terms, at_ns=None), wanted, fresh=True)
            attempt.is_again = True
        return attempt, self._tape(attempt)

    async def _tried(self, raw: bytes, terms: Terms, wanted: Wanted, *, fresh: bool) -> Attempt:
        attempt = Attempt(started_ns=self._clock.monotonic_ns())
        try:
            await self._begin(attempt, raw, terms, wanted, fresh=fresh)
            if attempt.reception is not None:
                await attempt.reception.wait(attempt.sent_ns)
        finally:
            self.let_go(attempt)
        return attempt

    async def until_head(self, raw: bytes, terms: Terms, wanted: Wanted) -> Attempt:
        """The same as far as the head of the answer, its failure or its end. The caller reads on, and lets go."""
        attempt = await self._tried_until_head(raw, terms, wanted, fresh=False)
        if attempt.is_stale(self._clock.monotonic_ns()):
            self.let_go(attempt)
            self._pool.drop_idle()
            attempt = await self._tried_until_head(raw, terms, wanted, fresh=True)
        return attempt

    async def _tried_until_head(self, raw: bytes, terms: Terms, wanted: Wanted, *, fresh: bool) -> Attempt:
        attempt = Attempt(started_ns=self._clock.monotonic_ns())
        try:
            await self._begin(attempt, raw, terms, wanted, fresh=fresh)
            if attempt.reception is not None:
                await attempt.reception.wait_for_head(attempt.sent_ns)
        except BaseException:
            self.let_go(attempt)
            raise
        return attempt

    # ------------------------------------------------------------ the parts of one try

    async def _begin(self, attempt: Attempt, raw: bytes, terms: Terms, wanted: Wanted, *, fresh: bool) -> None:
        """Connect and send. Without a reception afterwards nothing was sent."""
        await self._connect(attempt, terms, fresh=fresh)
        if terms.at_ns is not None and attempt.connection is not None:
            await sleep_until(terms.at_ns, self._clock)
            if not attempt.connection.is_quiet():
                # It was closed while its moment was awaited: nothing has been sent on it.
                await self._connect(attempt, terms, fresh=True)
        if attempt.connection is None:
            return
        started_ns = max(attempt.started_ns, terms.at_ns or 0)
        reception = Reception(terms, place=self.place, clock=self._clock, started_ns=started_ns, wanted=wanted)
        # First: a connection that a request was begun on is never given back as unused.
        attempt.reception = reception
        attempt.sent_ns = attempt.connection.send(raw, reception)

    async def _connect(self, attempt: Attempt, terms: Terms, *, fresh: bool) -> None:
        attempt.connection = None if fresh else self._pool.take()
        attempt.is_reused = attempt.connection is not None
        if attempt.connection is not None:
            attempt.idle_ns = self._clock.monotonic_ns() - attempt.connection.idle_since_ns
            return
        is_total = terms.timeouts.total < terms.timeouts.connect
        clock = TimeoutClock.TOTAL if is_total else TimeoutClock.CONNECT
        limit_ns = ns_from_ms(terms.timeouts.total if is_total else terms.timeouts.connect)
        before_ns = self._clock.monotonic_ns()
        timeout = asyncio.timeout(limit_ns / NS_PER_S)
        try:
            async with timeout:
                attempt.connection = await self._pool.new()
        except OSError as error:
            attempt.cause = error
            if timeout.expired():
                attempt.failure = clock_failure(clock, limit_ns, self.place)
            else:
                # Among these the end of the kernel's own patience, which is a TimeoutError too.
                attempt.failure = broken(error, self.place, has_head=False)
        else:
            attempt.connect_ns = self._clock.monotonic_ns() - before_ns

    def let_go(self, attempt: Attempt) -> None:
        """Keep the connection where it can be used again, close it otherwise. Safe to call twice."""
        connection, reception = attempt.connection, attempt.reception
        if connection is None:
            return
        attempt.connection = None
        leaves_open = True
        if reception is not None:
            reception.stop()
            leaves_open = reception.leaves_open and not connection.is_sending
            attempt.failure, attempt.cause = reception.failure, reception.cause
            attempt.send_ns = connection.send_ns(self._clock.monotonic_ns())
            attempt.is_dated_by_kernel = connection.has_kernel_stamps and reception.all_by_kernel
        if leaves_open:
            self._pool.give_back(connection)
        else:
            connection.close()

    def _tape(self, attempt: Attempt) -> Tape:
        """Of an attempt that was let go."""
        reception, closed_ns = attempt.reception, self._clock.monotonic_ns()
        if reception is None:
            return Tape(
                sent_ns=attempt.started_ns,
                closed_ns=closed_ns,
                connect_ns=attempt.connect_ns,
                failure=attempt.failure,
            )
        knows_when = 0 not in reception.earliest_ns
        return Tape(
            sent_ns=attempt.sent_ns,
            closed_ns=closed_ns,
            connect_ns=attempt.connect_ns,
            connection_reused=attempt.is_reused,
            headers_ns=reception.headers_ns,
            head=reception.head,
            reads=reception.reads,
            failure=attempt.failure,
            resent=attempt.is_again,
            source=StampSource.KERNEL if attempt.is_dated_by_kernel else StampSource.USER,
            send_ns=attempt.send_ns,
            earliest_ns=reception.earliest_ns if knows_when else array("q"),
            read_ns=reception.read_ns if knows_when else array("q"),
        )
