"""Processes that read sockets for this one, so that neither grading nor storing delays a stamp.

All that is decided stays here: budget, retries, pace, order, what is stored. A worker gets one request at a time to
exchange and gives back what came of it; so a run with three workers sends what a run with none sends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from evalharness.core.clock import SystemClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.ports import Decoded, Exchange, Exchanger, HttpRequest, Tape
from evalharness.transport.access import Access
from evalharness.transport.worker_messages import (
    Ask,
    Begin,
    Broke,
    Done,
    GiveUp,
    Lags,
    Message,
    OpenConnections,
    Opened,
    TellLags,
    read,
    write,
)

_STOP_WITHIN_S = 5.0


class DefectError(RuntimeError):
    """A worker met a defect of this program; the message is its traceback. It ends the run as it would here."""


class Crew:
    """All workers of a run. ``exchanger`` gives each endpoint's face of it; ``hire`` adds a worker at any time."""

    def __init__(self, accesses: Mapping[str, Access]) -> None:
        self._accesses = accesses
        self._workers: list[_Member] = []
        self._lags_of_the_gone: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._workers)

    async def hire(self) -> None:
        """One more process. Raises ``OSError`` where it cannot be started."""
        self._workers.append(await _Member.started(self._accesses))

    async def lag_counts(self) -> Mapping[int, int]:
        """Of all workers together, since each began (``ObserverRecord.loop_lag_counts``)."""
        counts = await asyncio.gather(*(member.lags() for member in self._workers))
        return sum(counts, self._lags_of_the_gone.copy())

    async def open(self, endpoint: str, connections: int) -> None:
        """``connections`` in all, shared out."""
        n = max(1, len(self._workers))
        each = -(-connections // n)
        await asyncio.gather(*(member.open(endpoint, each) for member in self._workers))

    async def exchange(self, endpoint: str, request: HttpRequest, *, stream: bool, at_ns: int | None) -> Exchange:
        """By the worker with the fewest exchanges. One whose worker dies has failed like one whose network did.

        Raises ``DefectError``."""
        for member in [member for member in self._workers if not member.is_alive]:
            self._workers.remove(member)
            self._lags_of_the_gone += member.last_lags
            await member.stop()
            await self.hire()
        member = min(self._workers, key=lambda member: member.n_asked)
        return await member.exchange(endpoint, request, stream=stream, at_ns=at_ns)

    async def close(self) -> None:
        await asyncio.gather(*(member.stop() for member in self._workers))


class CrewExchanger:
    """Implements ``Exchanger`` for one endpoint: by the crew, or in this process as long as nobody was hired."""

    def __init__(self, crew: Crew, endpoint: str, here: Exchanger) -> None:
        self._crew = crew
        self._endpoint = endpoint
        self._here = here

    async def open(self, connections: int) -> None:
        if len(self._crew):
            await self._crew.open(self._endpoint, connections)
        else:
            await self._here.open(connections)

    async def exchange(self, request: HttpRequest, *, stream: bool, at_ns: int | None = None) -> Exchange:
        if len(self._crew):
            return await self._crew.exchange(self._endpoint, request, stream=stream, at_ns=at_ns)
        return await self._here.exchange(request, stream=stream, at_ns=at_ns)

    async def close(self) -> None:
        """What this process holds; the crew is closed as a whole."""
        await self._here.close()


class _Member:
    """One worker process and what it was asked."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._clock = SystemClock()
        self._n_numbered = 0
        self._asked: dict[int, asyncio.Future[Exchange]] = {}
        self._opening: dict[str, asyncio.Future[None]] = {}
        self._told: asyncio.Future[None] | None = None
        self.is_alive = True
        self.last_lags: Counter[int] = Counter()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def started(cls, accesses: Mapping[str, Access]) -> _Member:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "evalharness.transport.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        write(writer, Begin(accesses=accesses))
        return cls(process, reader, writer)

    @property
    def n_asked(self) -> int:
        return len(self._asked)

    async def open(self, endpoint: str, connections: int) -> None:
        opened = self._opening.setdefault(endpoint, asyncio.get_running_loop().create_future())
        write(self._writer, OpenConnections(endpoint=endpoint, connections=connections))
        # One that has ended meanwhile is replaced when it is asked for something.
        with suppress(ConnectionError):
            await opened

    async def lags(self) -> Counter[int]:
        """As of now; of a worker that has ended, as it last told them."""
        if self.is_alive:
            if self._told is None or self._told.done():
                self._told = asyncio.get_running_loop().create_future()
                write(self._writer, TellLags())
            with suppress(ConnectionError):
                await self._told
        return self.last_lags

    async def exchange(self, endpoint: str, request: HttpRequest, *, stream: bool, at_ns: int | None) -> Exchange:
        self._n_numbered += 1
        number = self._n_numbered
        answer: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        asked_ns = self._clock.monotonic_ns()
        write(self._writer, Ask(number=number, endpoint=endpoint, request=request, stream=stream, at_ns=at_ns))
        try:
            return await answer
        except ConnectionError:
            return _lost(asked_ns, self._clock.monotonic_ns())
        except asyncio.CancelledError:
            if self.is_alive:
                write(self._writer, GiveUp(number=number))
            raise
        finally:
            self._asked.pop(number, None)

    async def _listen(self) -> None:
        try:
            while (message := await read(self._reader)) is not None:
                self._take(message)
        finally:
            self.is_alive = False
            waiting: list[asyncio.Future[Any]] = [*self._asked.values(), *self._opening.values()]
            waiting += [] if self._told is None else [self._told]
            for answer in waiting:
                if not answer.done():
                    answer.set_exception(ConnectionError("the worker ended"))

    def _take(self, message: Message) -> None:
        if isinstance(message, Done):
            answer = self._asked.get(message.number)
            if answer is not None and not answer.done():
                answer.set_result(message.exchange)
        elif isinstance(message, Broke):
            answer = self._asked.get(message.number)
            if answer is not None and not answer.done():
                answer.set_exception(DefectError(message.defect))
        elif isinstance(message, Lags):
            self.last_lags = Counter(message.counts)
            if self._told is not None and not self._told.done():
                self._told.set_result(None)
        elif isinstance(message, Opened):
            opened = self._opening.pop(message.endpoint, None)
            if opened is not None and not opened.done():
                opened.set_result(None)

    async def stop(self) -> None:
        """Its socket ends, and with it the process."""
        self._writer.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _STOP_WITHIN_S)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening


def _lost(asked_ns: int, now_ns: int) -> Exchange:
    """Whether the request was sent nobody can say: like a connection that broke before a byte came back."""
    failure = Failure(kind=FailureKind.CONNECTION, message="the process that read this call's connection has ended")
    tape = Tape(sent_ns=asked_ns, closed_ns=now_ns, failure=failure)
    return Exchange(tape=tape, decoded=Decoded(status=Status.ERROR, failure=failure))
