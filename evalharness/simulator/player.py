"""Plays a script on a socket, each write as near to its time as this machine allows, and notes when it really left."""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
import struct
import time
from dataclasses import dataclass, field

from evalharness.simulator.exchange import Ending, Script
from evalharness.simulator.http1 import LAST_CHUNK, chunk, head_bytes

_NS_PER_MS = 1_000_000
#: How often a long wait looks whether the client has left.
_LOOK_S = 0.25


@dataclass(slots=True, kw_only=True)
class Played:
    """What was sent: (label, planned, sent), the times in ``_ns`` of the monotonic clock.

    ``ended`` is complete, fin, reset or left (by the client).
    """

    head_ns: int | None = None
    events: list[tuple[str, int, int]] = field(default_factory=list)
    ended: str = "left"


class ClientLeftError(Exception):
    """The client closed the connection before the response was whole."""


class _PreciseSelector(selectors.EpollSelector if hasattr(selectors, "EpollSelector") else selectors.DefaultSelector):  # type: ignore[misc]
    """epoll waits in whole milliseconds, which would make every event up to 1 ms late. An epoll descriptor can be
    waited for with ``select``, which takes microseconds: so wait there, then collect."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            select.select([self.fileno()], [], [], timeout)
        return list(super().select(0))


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose timers are good to about 0.1 ms."""
    return asyncio.SelectorEventLoop(_PreciseSelector())


async def play(
    script: Script,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    start_ns: int,
    keep_alive: bool,
) -> Played:
    """Sends the whole script. Times are counted from ``start_ns``, when the request had been read."""
    played = Played()
    if script.status == 0:
        reset(writer)
        played.ended = Ending.RESET.value
        return played
    try:
        await _send(script, reader, writer, start_ns=start_ns, keep_alive=keep_alive, played=played)
    except (ClientLeftError, ConnectionError):
        return played
    played.ended = script.ending.value
    if script.ending is Ending.RESET:
        reset(writer)
    return played


async def _send(
    script: Script,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    start_ns: int,
    keep_alive: bool,
    played: Played,
) -> None:
    head = head_bytes(script, keep_alive=keep_alive)
    if script.chunked:
        await _wait_until(start_ns + round(script.head_ms * _NS_PER_MS), reader, writer)
        writer.write(head)
        played.head_ns, head = time.perf_counter_ns(), b""
    for write in script.writes:
        planned_ns = start_ns + round(write.at_ms * _NS_PER_MS)
        await _wait_until(planned_ns, reader, writer)
        writer.write(head + (chunk(write.body) if script.chunked and write.body else write.body))
        sent_ns, head = time.perf_counter_ns(), b""
        played.head_ns = played.head_ns or sent_ns
        played.events.append((write.label, planned_ns, sent_ns))
        await writer.drain()
    if script.chunked and script.ending is Ending.COMPLETE:
        writer.write(LAST_CHUNK)
    await writer.drain()


async def _wait_until(moment_ns: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (left_s := (moment_ns - time.perf_counter_ns()) / 1e9) > 0:
        await asyncio.sleep(min(left_s, _LOOK_S))
        _check_there(reader, writer)
    _check_there(reader, writer)


def _check_there(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if reader.at_eof() or writer.is_closing():
        raise ClientLeftError


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST: what is not sent yet is lost, as when a peer's process dies."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
