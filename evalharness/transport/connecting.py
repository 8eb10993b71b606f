"""From an address to a connection: names, several addresses, Unix sockets, TLS."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from evalharness.transport.connection import Connection
from evalharness.transport.loop import sockets_of
from evalharness.transport.settings import bracketed
from evalharness.transport.tls import Tls

#: Before the next address is tried beside the one that does not answer. Source: RFC 8305, section 8.
_NEXT_ADDRESS_AFTER_S = 0.25
_FULL_QUEUE_S = 0.005

#: A family and what ``socket.connect`` wants of it.
SocketAddress: TypeAlias = tuple[socket.AddressFamily, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """``tls`` None: in the clear. With ``unix_socket`` host and port are names only."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    unix_socket: str | None = None

    @property
    def place(self) -> str:
        """For messages."""
        return self.unix_socket or f"{bracketed(self.host)}:{self.port}"


async def connect(to: Destination, addresses: Sequence[SocketAddress] | None = None) -> Connection:
    """A connection ready for its first request. Raises ``OSError``; cancelled, it leaves no socket behind.

    ``addresses``: those found before, where many connections are opened at once.
    """
    loop = asyncio.get_running_loop()
    sock = await _first_to_answer(loop, addresses or await addresses_of(to))
    try:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = None
        if to.tls is not None:
            tls = Tls(to.tls, to.host)
            await tls.shake_hands(sock)
        return Connection(sock, tls, sockets_of(loop))
    except BaseException:
        sock.close()
        raise


async def addresses_of(to: Destination) -> Sequence[SocketAddress]:
    """In the order in which they are to be tried. Raises ``OSError``."""
    if to.unix_socket is not None:
        return [(socket.AF_UNIX, to.unix_socket)]
    if numeric := _numeric(to):
        return numeric
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except OSError:
        # Without a free file descriptor no host is found; then that is what is to be told.
        socket.socket().close()
        raise
    return _alternating([(family, address) for family, *_, address in found])


def _numeric(to: Destination) -> list[SocketAddress]:
    """An address that has to be looked up nowhere, and so takes no thread; none for a name."""
    try:
        found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return []
    return [(family, address) for family, *_, address in found]


def _alternating(addresses: Sequence[SocketAddress]) -> list[SocketAddress]:
    """The resolver's order, but each family in turn, its first choice first. Source: RFC 8305, section 4."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]


async def _first_to_answer(loop: asyncio.AbstractEventLoop, addresses: Sequence[SocketAddress]) -> socket.socket:
    """Happy eyeballs: the next address is tried when one fails or stays silent, and the first connection is taken."""
    if len(addresses) == 1:
        return await _connected(loop, addresses[0])
    waiting = list(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    failures: list[OSError] = []
    try:
        while waiting or trying:
            if waiting:
                trying.add(loop.create_task(_connected(loop, waiting.pop(0))))
            patience_s = _NEXT_ADDRESS_AFTER_S if waiting else None
            ended, _ = await asyncio.wait(trying, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                trying.discard(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failures.append(error)
    finally:
        for task in trying:
            # Not awaited: that would swallow a cancellation of this call.
            task.add_done_callback(_close_if_connected)
            task.cancel()
    raise _most_telling(failures)


def _close_if_connected(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _most_telling(failures: Sequence[OSError]) -> OSError:
    """Of a host without IPv6, that the IPv6 address cannot be reached says nothing: the other failure does."""
    unreached = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
    telling = [failure for failure in failures if failure.errno not in unreached]
    return (telling or failures or [OSError("the name has no address")])[0]


async def _connected(loop: asyncio.AbstractEventLoop, address: SocketAddress) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_UNIX:
            await _connect_unix(sock, where)
        else:
            await loop.sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_unix(sock: socket.socket, path: str) -> None:
    """Where the server's queue is full the kernel refuses at once, and will not say when there is room; asyncio takes
    that for a connection that is on its way."""
    while True:
        try:
            sock.connect(path)
            return
        except BlockingIOError:
            await asyncio.sleep(_FULL_QUEUE_S)
