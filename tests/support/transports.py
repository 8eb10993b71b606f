"""The ways to the wire, and one exchange over each of them: the same tests run over all."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from evalharness.core.clock import SystemClock
from evalharness.core.model import Limits, Timeouts
from evalharness.core.ports import HttpRequest, ReadSink, Tape, Terms, Transport
from evalharness.transport.http import HttpTransport
from evalharness.transport.httpx_transport import HttpxTransport
from evalharness.transport.loop import new_event_loop
from evalharness.transport.settings import HttpSettings
from evalharness.wire import codec
from tests.support.scripted_server import Do, Script, ScriptedServer, scripted

T = TypeVar("T")
KEY = "sk-canary-0123456789"


def terms_of(
    *, limits: Limits | None = None, at_ns: int | None = None, sink: ReadSink | None = None, **timeouts: float
) -> Terms:
    return Terms(
        timeouts=Timeouts(**{"connect": 2000, "first_event": 5000, "idle": 5000, "total": 10_000, **timeouts}),
        limits=limits or Limits(),
        watch=codec("responses").watch(stream=True),
        at_ns=at_ns,
        sink=sink,
    )


def request_of(body: bytes | None = None) -> HttpRequest:
    wire = codec("responses").encode(model="m", input="hi", request={})
    return HttpRequest(
        path=wire.path,
        headers={"Content-Type": "application/json", "X-Client-Request-Id": "run.trial.0"},
        body=json.dumps(wire.body).encode() if body is None else body,
    )


async def exchange(transport: Transport, *, body: bytes | None = None, **options: Any) -> Tape:
    return await transport.exchange(request_of(body), terms_of(**options))


def body_of(tape: Tape) -> bytes:
    return b"".join(data for _, data in tape.reads)


@dataclass(frozen=True)
class Way:
    """One transport in one event loop. ``is_httpx``: no connection ahead of need, times by turns of the loop."""

    name: str
    make: Callable[[HttpSettings], Transport]
    new_loop: Callable[[], asyncio.AbstractEventLoop]

    @property
    def is_httpx(self) -> bool:
        return self.make is HttpxTransport

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """In a loop of this way's kind. What was left open is found: an unclosed socket is an error of the test."""
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            result = runner.run(coroutine)
        gc.collect()
        return result

    def tapes_over(
        self,
        listening: dict[str, Any],
        *scripts: Script,
        n: int = 1,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> tuple[list[Tape], ScriptedServer]:
        """The same with a server that listens as said: ``scripted``'s own parameters."""

        async def run() -> tuple[list[Tape], ScriptedServer]:
            async with scripted(*scripts, **listening) as server:
                transport = self.to(server.base_url, **(settings or {}))
                try:
                    return [await exchange(transport, **options) for _ in range(n)], server
                finally:
                    await transport.close()

        return self.run(run())

    def to(self, base_url: str, **settings: Any) -> Transport:
        return self.make(HttpSettings(base_url=base_url, clock=SystemClock(), **settings))

    def tapes(
        self, *scripts: Script, n: int = 1, key: str | None = KEY, **options: Any
    ) -> tuple[list[Tape], ScriptedServer]:
        """One exchange after the other over one transport."""
        return self.tapes_over({}, *scripts, n=n, settings={"api_key": key}, **options)

    def tape_of(self, *script: bytes | float | Do, **options: Any) -> Tape:
        (tape,), _ = self.tapes(script, **options)
        return tape

    def tape_from(self, base_url: str, *, settings: dict[str, Any] | None = None, **options: Any) -> Tape:
        """One exchange with what is, or is not, at an address."""

        async def run() -> Tape:
            transport = self.to(base_url, **(settings or {}))
            try:
                return await exchange(transport, **options)
            finally:
                await transport.close()

        return self.run(run())


MEASURING = Way("measuring", HttpTransport, new_event_loop)
FOREIGN = Way("foreign loop", HttpTransport, asyncio.new_event_loop)
HTTPX = Way("httpx", HttpxTransport, asyncio.new_event_loop)
EVERY_WAY = (MEASURING, FOREIGN, HTTPX)
#: The measuring transport alone: for what httpx keeps to itself.
MEASURED_WAYS = (MEASURING, FOREIGN)
