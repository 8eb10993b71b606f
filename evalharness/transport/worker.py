"""``python -m evalharness.transport.worker FD``: reads sockets for a run that another process conducts.

It knows no suite, no store and no budget: it exchanges what it is told to and dates what comes back, on the same clock.
It ends when its socket does, so that it dies with the run even after kill -9.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress

from evalharness.core.clock import SystemClock
from evalharness.core.ports import Exchanger
from evalharness.transport.loop import MeasuringLoop, new_event_loop
from evalharness.transport.worker_messages import (
    Ask,
    Begin,
    Broke,
    Done,
    GiveUp,
    Lags,
    OpenConnections,
    Opened,
    TellLags,
    read,
    write,
)


class Worker:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._exchangers: dict[str, Exchanger] = {}
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._opening: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """Until the other end is gone."""
        begin = await read(self._reader)
        if not isinstance(begin, Begin):
            return
        clock = SystemClock()
        self._exchangers = {name: access.exchanger(clock) for name, access in begin.accesses.items()}
        # What is there now stays: the collector need not look at it while sockets wait.
        gc.collect()
        gc.freeze()
        try:
            while (message := await read(self._reader)) is not None:
                if isinstance(message, Ask):
                    self._asked[message.number] = asyncio.create_task(self._exchange(message))
                elif isinstance(message, GiveUp):
                    self._give_up(message.number)
                elif isinstance(message, TellLags):
                    write(self._writer, Lags(counts=_own_lags()))
                elif isinstance(message, OpenConnections):
                    task = asyncio.create_task(self._open(message))
                    self._opening.add(task)
                    task.add_done_callback(self._opening.discard)
        finally:
            await self._end([*self._asked.values(), *self._opening])

    async def _exchange(self, ask: Ask) -> None:
        exchanger = self._exchangers[ask.endpoint]
        try:
            exchange = await exchanger.exchange(ask.request, stream=ask.stream, at_ns=ask.at_ns)
            write(self._writer, Done(number=ask.number, exchange=exchange))
        except Exception:
            # Kept here it would leave a call that waits for ever.
            write(self._writer, Broke(number=ask.number, defect=traceback.format_exc()))
        finally:
            self._asked.pop(ask.number, None)

    def _give_up(self, number: int) -> None:
        task = self._asked.get(number)
        if task is not None:
            task.cancel()

    async def _open(self, message: OpenConnections) -> None:
        try:
            await self._exchangers[message.endpoint].open(message.connections)
        finally:
            write(self._writer, Opened(endpoint=message.endpoint))

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for exchanger in self._exchangers.values():
            await exchanger.close()
        self._writer.close()


def _own_lags() -> Mapping[int, int]:
    loop = asyncio.get_running_loop()
    return loop.lag_counts if isinstance(loop, MeasuringLoop) else {}


async def _main(descriptor: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    with suppress(ConnectionError):
        await Worker(reader, writer).work()


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the conducting process decides what becomes of calls in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1])))
