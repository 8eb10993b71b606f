"""A transport and a codec together: one attempt, decoded as its bytes gather, with what is known of its own error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Limits, Status, Timeouts
from evalharness.core.ports import (
    Decoded,
    Decoder,
    Exchange,
    HttpRequest,
    ResponseHead,
    Terms,
    Transport,
    WireProtocol,
)
from evalharness.transport.loop import look_at_sockets
from evalharness.transport.observing import Observing


class DirectExchanger:
    """Implements ``Exchanger`` in this process and event loop."""

    def __init__(self, transport: Transport, codec: WireProtocol, *, timeouts: Timeouts, limits: Limits) -> None:
        self._transport = transport
        self._codec = codec
        self._timeouts = timeouts
        self._limits = limits

    async def open(self, connections: int) -> None:
        await self._transport.open(connections)

    async def exchange(self, request: HttpRequest, *, stream: bool, at_ns: int | None = None) -> Exchange:
        decoding = _Decoding(self._codec, stream=stream)
        terms = Terms(
            timeouts=self._timeouts,
            limits=self._limits,
            watch=self._codec.watch(stream=stream),
            at_ns=at_ns,
            sink=decoding.take,
        )
        tape = await self._transport.exchange(request, terms)
        if tape.reads and tape.head is not None:
            # From a transport that keeps its reads.
            decoding.take(tape.head, tape.reads)
            tape = replace(tape, reads=())
        decoded = decoding.finish(tape.head, tape.failure)
        observed = decoding.observing.observed(tape, decoded.stamps)
        # Many answers may end in one turn of the loop.
        look_at_sockets()
        return Exchange(tape=tape, decoded=decoded, observed=observed)

    async def close(self) -> None:
        await self._transport.close()


class _Decoding:
    """The decoder of one exchange, made when the response head is known."""

    def __init__(self, codec: WireProtocol, *, stream: bool) -> None:
        self._codec = codec
        self._stream = stream
        self._decoder: Decoder | None = None
        self.observing = Observing()

    def take(self, head: ResponseHead, reads: Sequence[tuple[int, bytes]]) -> None:
        self.observing.take(reads)
        self._of(head).feed_reads(reads)

    def finish(self, head: ResponseHead | None, failure: Failure | None) -> Decoded:
        """Without a response head it is the transport's failure and nothing else."""
        if head is not None:
            return self._of(head).finish(failure)
        ended = failure or Failure(kind=FailureKind.CONNECTION, message="the exchange ended without a response")
        return Decoded(status=Status.ERROR, failure=ended)

    def _of(self, head: ResponseHead) -> Decoder:
        if self._decoder is None:
            self._decoder = self._codec.decoder(head=head, stream=self._stream)
        return self._decoder
