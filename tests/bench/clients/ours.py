"""evalharness: its transport and its codec together, in its own event loop; stamps as it stores them."""

from __future__ import annotations

from evalharness import __version__, wire
from evalharness.core.clock import SystemClock
from evalharness.core.model import Limits, Status, Timeouts
from evalharness.core.ports import Exchange, HttpRequest
from evalharness.transport.exchanger import DirectExchanger
from evalharness.transport.http import HttpTransport
from evalharness.transport.loop import new_event_loop
from evalharness.transport.settings import HttpSettings
from tests.bench.clients.face import Flags, Heard, body_bytes, headers_of, main


class Ours:
    unit = "deltas"

    def __init__(self, flags: Flags) -> None:
        self.what = f"evalharness {__version__}, direct"
        settings = HttpSettings(
            base_url=f"http://127.0.0.1:{flags.port}/v1", clock=SystemClock(), concurrency=flags.streams
        )
        transport, codec = HttpTransport(settings), wire.codec("responses")
        self._exchanger = DirectExchanger(transport, codec, timeouts=Timeouts(), limits=Limits())
        self._body = body_bytes()

    async def open(self, connections: int) -> None:
        await self._exchanger.open(connections)

    async def call(self, number: int) -> Heard | None:
        request = HttpRequest(path="responses", headers=headers_of(number), body=self._body)
        return heard(await self._exchanger.exchange(request, stream=True))

    async def close(self) -> None:
        await self._exchanger.close()


def heard(exchange: Exchange) -> Heard | None:
    if exchange.decoded.status is not Status.OK:
        raise RuntimeError(f"{exchange.decoded.failure}")
    stamps = exchange.decoded.stamps
    return Heard(
        sent_ns=exchange.tape.sent_ns,
        send_ns=exchange.tape.send_ns,
        reads=lambda: [(at_ns, count) for count, at_ns in enumerate(stamps.deltas_ns, start=1)],
        done_ns=stamps.done_ns,
        observed=exchange.observed,
    )


if __name__ == "__main__":
    main(Ours, new_event_loop)
