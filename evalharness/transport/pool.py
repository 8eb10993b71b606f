"""Connections kept open between exchanges: last in, first out, and nothing is ever searched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from evalharness.core.ports import Clock
from evalharness.core.units import NS_PER_S
from evalharness.transport.arrival import keep_stamping
from evalharness.transport.connecting import Destination, SocketAddress, addresses_of, connect
from evalharness.transport.connection import Connection

#: So many are opened at a time: a server's queue of connections it has not looked at yet is often no longer than 100,
#: and what does not fit is asked again a second later.
_OPEN_AT_ONCE = 64
#: Servers close idle connections after some time; one that was idle for longer is not trusted with a request.
_IDLE_NS = 30 * NS_PER_S


class Pool:
    """Of one destination, in one event loop. It opens as many connections as are asked for at once."""

    def __init__(self, to: Destination, clock: Clock) -> None:
        self._to = to
        self._clock = clock
        self._free: list[Connection] = []
        self._is_closed = False
        keep_stamping()

    async def open(self, n: int) -> None:
        """Have ``n`` connections idle; one that cannot be had is left to be missed by the exchange that needs it.

        Cancelled, it keeps those that it has.
        """
        n_missing = n - len(self._free)
        if n_missing <= 0:
            return
        try:
            addresses = await addresses_of(self._to)
        except OSError:
            return
        places = asyncio.Semaphore(_OPEN_AT_ONCE)
        await asyncio.gather(*(self._open_one(addresses, places) for _ in range(n_missing)))

    async def _open_one(self, addresses: Sequence[SocketAddress], places: asyncio.Semaphore) -> None:
        async with places:
            with suppress(OSError):
                self.give_back(await connect(self._to, addresses))

    def take(self) -> Connection | None:
        """The one that was used last; None: there is none that can be trusted."""
        while self._free:
            connection = self._free.pop()
            connection.on_gone = None
            if self._clock.monotonic_ns() - connection.idle_since_ns < _IDLE_NS and connection.is_quiet():
                return connection
            connection.close()
        return None

    async def new(self) -> Connection:
        """Raises ``OSError``."""
        return await connect(self._to)

    def give_back(self, connection: Connection) -> None:
        """After ``close``, one that was still in use is closed."""
        if not connection.is_open:
            return
        if self._is_closed:
            connection.close()
            return
        now_ns = self._clock.monotonic_ns()
        connection.rest(now_ns)
        connection.on_gone = self._free.remove
        self._free.append(connection)
        if now_ns - self._free[0].idle_since_ns >= _IDLE_NS:
            # At the bottom lies what a lower load no longer needs.
            self._free.pop(0).close()

    def drop_idle(self) -> None:
        """After one was found stale: the others have been idle for longer."""
        while self._free:
            self._free.pop().close()

    def close(self) -> None:
        self._is_closed = True
        self.drop_idle()
