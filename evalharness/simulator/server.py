"""Raw asyncio: resets, half heads and chunk framing cannot be made behind somebody else's HTTP server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from evalharness.simulator.effects import error_script
from evalharness.simulator.exchange import Ending
from evalharness.simulator.http1 import MAX_HEAD_BYTES, UnreadableError, read_request
from evalharness.simulator.player import play
from evalharness.simulator.service import Service, SimulatorSettings
from evalharness.simulator.truth_log import TruthLog

_BACKLOG = 1024


async def serve(settings: SimulatorSettings, *, on_ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set. ``on_ready`` gets the base URL once connections are accepted.

    Raises ``OSError`` where the port is taken or the truth log cannot be written.
    """
    async with running(settings) as base_url:
        on_ready(base_url)
        await stop.wait()


@asynccontextmanager
async def running(settings: SimulatorSettings) -> AsyncIterator[str]:
    """A simulator inside this event loop, for as long as the block lasts; gives its base URL."""
    log = TruthLog(settings.truth_log)
    connections = _Connections(Service(settings, log.jitter), log, settings.max_body_bytes)
    try:
        server = await asyncio.start_server(
            connections.accept, settings.host, settings.port, limit=MAX_HEAD_BYTES, backlog=_BACKLOG
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            try:
                yield f"http://{settings.host}:{port}/v1"
            finally:
                await connections.close()
    finally:
        log.close()


class _Connections:
    """The open connections, each a task of its own."""

    def __init__(self, service: Service, log: TruthLog, max_body_bytes: int) -> None:
        self._service = service
        self._log = log
        self._max_body_bytes = max_body_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._n_accepted = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._n_accepted += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._converse(reader, writer, self._n_accepted)
        except asyncio.CancelledError:
            # The server is closing; a cancelled task would be reported as an error of the callback.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        while True:
            try:
                request = await read_request(reader, writer, self._max_body_bytes)
            except UnreadableError as refused:
                script = error_script(refused.rejection, {})
                await play(script, reader, writer, start_ns=time.perf_counter_ns(), keep_alive=False)
                return
            if request is None:
                return
            read_ns = time.perf_counter_ns()
            outcome = self._service.answer(request)
            keep_alive = request.keep_alive and outcome.script.ending is Ending.COMPLETE
            played = await play(outcome.script, reader, writer, start_ns=read_ns, keep_alive=keep_alive)
            self._log.add({**outcome.facts, "connection": connection, "read_ns": read_ns}, played)
            if not keep_alive or played.ended == "left":
                return

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
