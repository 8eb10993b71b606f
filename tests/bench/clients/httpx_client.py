"""httpx with its own transport and a pool that keeps as many connections as there are streams."""

from __future__ import annotations

import time

import httpx

from tests.bench.clients.decoding import heard
from tests.bench.clients.face import Flags, Heard, body_bytes, headers_of, main


class HttpxClient:
    unit = "body_bytes"

    def __init__(self, flags: Flags) -> None:
        self.what = f"httpx {httpx.__version__}, its own transport"
        self._url = f"http://127.0.0.1:{flags.port}/v1/responses"
        self._streams = flags.streams
        self._body = body_bytes()

    async def open(self, connections: int) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._streams, keepalive_expiry=300)
        self._client = httpx.AsyncClient(limits=limits, timeout=None, trust_env=False)

    async def call(self, number: int) -> Heard | None:
        chunks: list[tuple[int, bytes]] = []
        sent_ns = time.perf_counter_ns()
        async with self._client.stream("POST", self._url, content=self._body, headers=headers_of(number)) as response:
            async for chunk in response.aiter_raw():
                chunks.append((time.perf_counter_ns(), chunk))
        return heard(sent_ns=sent_ns, status=response.status_code, chunks=chunks)

    async def close(self) -> None:
        await self._client.aclose()


if __name__ == "__main__":
    main(HttpxClient)
