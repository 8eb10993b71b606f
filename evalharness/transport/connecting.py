"""From an address to a connection: names, several addresses, Unix sockets, TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from evalharness.transport.connection import Connection, Tls
from evalharness.transport.loop import sockets_of

#: Before the next address is tried beside the one that does not answer. Source: RFC 8305, section 8.
_NEXT_ADDRESS_AFTER_S = 0.25

_Address: TypeAlias = tuple[socket.AddressFamily, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """``tls`` None: in the clear. With ``unix_socket`` host and port are names only."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    unix_socket: str | None = None


async def connect(to: Destination) -> Connection:
    """A connection ready for its first request. Raises ``OSError``; cancelled, it leaves no socket behind."""
    loop = asyncio.get_running_loop()
    sock = await _open_socket(loop, to)
    try:
        tls = None
        if to.tls is not None:
            tls = Tls(to.tls, to.host)
            await tls.shake_hands(sock)
        return Connection(sock, tls, sockets_of(loop))
    except BaseException:
        sock.close()
        raise


async def _open_socket(loop: asyncio.AbstractEventLoop, to: Destination) -> socket.socket:
    if to.unix_socket is not None:
        return await _connected(loop, (socket.AF_UNIX, to.unix_socket))
    found = await loop.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    sock = await _first_to_answer(loop, _alternating([(family, address) for family, *_, address in found]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _alternating(addresses: Sequence[_Address]) -> list[_Address]:
    """The resolver's order, but each family in turn, its first choice first. Source: RFC 8305, section 4."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]


async def _first_to_answer(loop: asyncio.AbstractEventLoop, addresses: Sequence[_Address]) -> socket.socket:
    """Happy eyeballs: the next address is tried when one fails or stays silent, and the first connection is taken."""
    if len(addresses) == 1:
        return await _connected(loop, addresses[0])
    waiting = list(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    failure: OSError | None = None
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
                failure = failure or error
    finally:
        await _abandon(trying)
    raise failure or OSError("the name has no address")


async def _abandon(tasks: set[asyncio.Task[socket.socket]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, OSError):
            (await task).close()


async def _connected(loop: asyncio.AbstractEventLoop, address: _Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
