"""The measuring transport under a public ``httpx.AsyncClient``: requests built beforehand, sent by ``send``."""

from __future__ import annotations

import httpx

from evalharness import wire
from evalharness.core.model import Limits, Timeouts
from evalharness.core.ports import Exchange, Tape, Terms
from evalharness.transport.loop import new_event_loop
from evalharness.transport.measuring import TAPE, TERMS, MeasuringTransport
from evalharness.transport.observing import Observing
from tests.bench.clients.face import Flags, Heard, body_bytes, headers_of, main
from tests.bench.clients.ours import heard
from tests.support.tapes import decode_tape


class OursThroughSend:
    unit = "deltas"

    def __init__(self, flags: Flags) -> None:
        self.what = f"evalharness's transport under httpx {httpx.__version__}"
        self._url = f"http://127.0.0.1:{flags.port}/v1/responses"
        self._codec = wire.codec("responses")
        self._body = body_bytes()
        self._requests: dict[int, httpx.Request] = {}
        self._numbers = range(flags.streams * flags.rounds)

    async def open(self, connections: int) -> None:
        self._client = httpx.AsyncClient(transport=MeasuringTransport(), trust_env=False, timeout=None)
        self._requests = {number: self._request(number) for number in self._numbers}

    async def call(self, number: int) -> Heard | None:
        request = self._requests.pop(number, None) or self._request(number)
        response = await self._client.send(request)
        tape: Tape = response.extensions[TAPE]
        decoded = decode_tape(self._codec, tape, stream=True)
        observing = Observing()
        observing.take(tape.reads)
        return heard(Exchange(tape=tape, decoded=decoded, observed=observing.observed(tape, decoded.stamps)))

    async def close(self) -> None:
        await self._client.aclose()

    def _request(self, number: int) -> httpx.Request:
        terms = Terms(timeouts=Timeouts(), limits=Limits(), watch=self._codec.watch(stream=True))
        headers = headers_of(number) | {"accept-encoding": "identity"}
        return self._client.build_request(
            "POST", self._url, content=self._body, headers=headers, extensions={TERMS: terms}
        )


if __name__ == "__main__":
    main(OursThroughSend, new_event_loop)
