"""One exchange while it happens: stamps and bytes, collected for the tape.

Reads that arrive in one turn of the event loop are one read with one stamp: httpx hands out the chunks of the
transfer coding one by one, and several of them may have come in one segment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ports import Clock, ResponseHead, Tape, Terms
from evalharness.core.units import NS_PER_S
from evalharness.transport.content import BodyTooLargeError, ContentError, content_of
from evalharness.transport.heads import dated
from evalharness.transport.patience import Patience
from evalharness.transport.reception import HAND_ON_BYTES

if TYPE_CHECKING:
    import httpx

_CONNECT_STARTED = "connection.connect_tcp.started"
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
_SENDING = "http11.send_request_headers.started"
_HEAD_CAME = "http11.receive_response_headers.complete"


class Recording:
    """Moves ``timeout``, once entered, to where its clocks next run out."""

    def __init__(self, clock: Clock, terms: Terms, timeout: asyncio.Timeout) -> None:
        self._clock = clock
        self._terms = terms
        self._timeout = timeout
        self._started_ns = clock.monotonic_ns()
        self._patience = Patience(terms.timeouts, started_ns=self._started_ns)
        self._sent_ns: int | None = None
        self._connect_started_ns: int | None = None
        self._connected_ns: int | None = None
        self._headers_ns: int | None = None
        self._connection: Any = None
        self._reads: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self._turn_is_over = True
        self.head: ResponseHead | None = None
        self.failure: Failure | None = None

    def start(self) -> None:
        """With connecting."""
        self._run(TimeoutClock.CONNECT, self._clock.monotonic_ns())

    def _run(self, clock: TimeoutClock, from_ns: int) -> None:
        self._patience.run(clock, from_ns)
        self._reschedule()

    def _reschedule(self) -> None:
        left_ns = self._patience.due_ns - self._clock.monotonic_ns()
        self._timeout.reschedule(asyncio.get_running_loop().time() + left_ns / NS_PER_S)

    def lost_to(self) -> tuple[TimeoutClock, int] | None:
        """Once the timeout has expired: ``Patience.lost_to``."""
        return self._patience.lost_to(max(self._clock.monotonic_ns(), self._patience.due_ns))

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Told by httpcore of each of its steps; runs in the step itself, so the stamp is taken first."""
        now_ns = self._clock.monotonic_ns()
        if event == _SENDING:
            self._sent_ns = now_ns
            self._run(TimeoutClock.FIRST_EVENT, now_ns)
        elif event == _HEAD_CAME:
            self._headers_ns = now_ns
        elif event == _CONNECT_STARTED:
            self._connect_started_ns = now_ns
        elif event in _CONNECTED:
            self._connected_ns = now_ns
            self._connection = details["return_value"]

    async def drop_connection(self) -> None:
        """Closes a connection on which nothing was sent. httpcore forgets one whose TLS handshake is cancelled, as a
        clock of ours does it, and leaves the socket open."""
        if self._connection is not None and self._sent_ns is None:
            await self._connection.aclose()

    @property
    def was_reused(self) -> bool | None:
        """None: the request was never sent."""
        return None if self._sent_ns is None else self._connect_started_ns is None

    async def read(self, response: httpx.Response) -> None:
        """Takes the head and the body. Sets ``failure`` where the body must not be read on."""
        self.head = _head(response, self._clock)
        if 300 <= self.head.status < 400:
            target = self.head.headers.get("location", "nowhere")
            self.failure = Failure(
                kind=FailureKind.REDIRECT,
                message=f"HTTP {self.head.status}: redirected to {target}, which is never followed",
                http_status=self.head.status,
            )
            return
        try:
            await self._read_body(response)
        except BodyTooLargeError:
            message = f"the body is larger than limits.max_body_bytes ({self._terms.limits.max_body_bytes})"
            self.failure = Failure(kind=FailureKind.TOO_LARGE, message=message, http_status=self.head.status)
        except ContentError as error:
            self.failure = Failure(kind=FailureKind.PROTOCOL, message=str(error), http_status=self.head.status)

    async def _read_body(self, response: httpx.Response) -> None:
        content = content_of(response.headers.get("content-encoding", ""), max_bytes=self._terms.limits.max_body_bytes)
        # Closed in the same turn when reading stops early; left to the garbage collector it would be closed some time.
        async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw())) as chunks:
            async for chunk in chunks:
                at_ns = self._clock.monotonic_ns()
                if data := content.decode(chunk):
                    self._patience.saw(self._terms.watch.saw(data), at_ns)
                    self._reschedule()
                    self._keep(at_ns, data)

    def _keep(self, at_ns: int, data: bytes) -> None:
        if self._turn_is_over:
            self._turn_is_over = False
            asyncio.get_running_loop().call_soon(self._end_turn)
            if self._kept_bytes > HAND_ON_BYTES:
                self._hand_on()
            self._reads.append((at_ns, data))
        else:
            first_ns, before = self._reads[-1]
            self._reads[-1] = (first_ns, before + data)
        self._kept_bytes += len(data)

    def _hand_on(self) -> None:
        if self._terms.sink is not None and self.head is not None and self._reads:
            self._terms.sink(self.head, self._reads)
            self._reads, self._kept_bytes = [], 0

    def _end_turn(self) -> None:
        self._turn_is_over = True

    def tape(self) -> Tape:
        self._hand_on()
        connect_ns = None
        if self._connect_started_ns is not None and self._connected_ns is not None:
            connect_ns = self._connected_ns - self._connect_started_ns
        return Tape(
            sent_ns=self._started_ns if self._sent_ns is None else self._sent_ns,
            closed_ns=self._clock.monotonic_ns(),
            connect_ns=connect_ns,
            connection_reused=self.was_reused,
            headers_ns=self._headers_ns,
            head=self.head,
            reads=self._reads,
            failure=self.failure,
        )


def _head(response: httpx.Response, clock: Clock) -> ResponseHead:
    headers: dict[str, str] = {}
    for raw_name, raw_text in response.headers.raw:
        name, text = raw_name.decode("latin-1").lower(), raw_text.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return ResponseHead(status=response.status_code, headers=dated(headers, clock))
