"""Sockets of our own: resets, half heads and chunk framing cannot be made behind somebody else's HTTP server."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.simulator.arrivals import want_stamps
from evalharness.simulator.connection import Connection, Premises
from evalharness.simulator.departures import DepartureLoop
from evalharness.simulator.service import Service, SimulatorSettings
from evalharness.simulator.slots import Slots
from evalharness.simulator.truth_log import TruthLog

_BACKLOG = 4096
_ACCEPTED_AT_ONCE = 64
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY_ACCEPT_S = 0.5


async def serve(
    settings: SimulatorSettings, *, on_ready: Callable[[Mapping[str, str]], None], stop: asyncio.Event
) -> dict[str, Any]:
    """Serve until ``stop`` is set; gives what was served (``TruthLog.served``).

    ``on_ready`` gets the address once connections are accepted: ``base_url``, and ``unix`` where that is a socket's
    path. Raises ``OSError`` where the port is taken, or truth log or certificate cannot be used. Runs in a
    ``DepartureLoop`` alone.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, DepartureLoop):
        raise RuntimeError("the simulator needs a DepartureLoop: run it as a process of its own")
    log = TruthLog(settings.truth_log, loop)
    try:
        async with _accepting(settings, loop, log) as address:
            on_ready(address)
            await stop.wait()
    finally:
        log.close()
    return log.served()


@asynccontextmanager
async def _accepting(
    settings: SimulatorSettings, loop: DepartureLoop, log: TruthLog
) -> AsyncIterator[Mapping[str, str]]:
    capacity = settings.profile.capacity
    slots: Slots[Connection] = Slots(None if capacity is None else capacity.slots)
    acceptor = _Acceptor(settings, loop)
    premises = Premises(
        loop=loop,
        service=Service(settings, log.served, loop.departures.play_due),
        log=log,
        slots=slots,
        tls=None if settings.tls is None else settings.tls.context(),
        refuse_for=acceptor.refuse_for,
    )
    listener = acceptor.open(premises)
    try:
        yield _address(settings, listener)
    finally:
        acceptor.close()
        if settings.unix is not None:
            settings.unix.unlink(missing_ok=True)
        for connection in tuple(premises.connections):
            connection.stop()


class _Acceptor:
    """Listens, and takes new connections off the listener."""

    def __init__(self, settings: SimulatorSettings, loop: DepartureLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._n_accepted = 0
        self._reopening: asyncio.TimerHandle | None = None

    def open(self, premises: Premises) -> socket.socket:
        """Raises ``OSError`` where the address cannot be had."""
        self._premises = premises
        self._listener = _listen(self._settings)
        self._resume()
        return self._listener

    def close(self) -> None:
        """Whoever connects from now on is refused."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    def refuse_for(self, ms: float) -> None:
        """Nobody listens for so long, then somebody does at the same place."""
        if self._listener.fileno() >= 0 and self._settings.unix is None:
            self._settings = replace(self._settings, port=self._listener.getsockname()[1])
        self.close()
        self._reopening = self._loop.call_later(ms / 1000, self.open, self._premises)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                # The listener stays readable: without a pause the loop would do nothing but fail.
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_RETRY_ACCEPT_S, self._resume)
                return
            accepted.setblocking(False)
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._n_accepted += 1
            Connection(self._premises, accepted, self._n_accepted)


def _listen(settings: SimulatorSettings) -> socket.socket:
    listener = _listen_tcp(settings.host, settings.port) if settings.unix is None else _listen_unix(settings.unix)
    want_stamps(listener)
    listener.setblocking(False)
    return listener


def _listen_tcp(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(f"host {host!r}: {error.strerror}") from error
    family, _, _, _, address = found[0]
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def _listen_unix(path: Path) -> socket.socket:
    """A socket that a killed server left behind is replaced; one that is served, or another file, is not."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        if _is_left_behind(path):
            path.unlink()
        listener.bind(os.fspath(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"Unix socket {path}: {error.strerror or error}") from error
    return listener


def _is_left_behind(path: Path) -> bool:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.fspath(path)) == errno.ECONNREFUSED


def _address(settings: SimulatorSettings, listener: socket.socket) -> Mapping[str, str]:
    scheme = "http" if settings.tls is None else "https"
    if settings.unix is not None:
        return {"base_url": f"{scheme}://localhost/v1", "unix": os.fspath(settings.unix)}
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {"base_url": f"{scheme}://{host}:{listener.getsockname()[1]}/v1"}
