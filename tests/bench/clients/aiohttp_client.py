"""aiohttp on uvloop with its compiled parser, read by chunk: what a careful user of it writes."""

from __future__ import annotations

import time

import aiohttp
from aiohttp import http

from tests.bench.clients.decoding import heard
from tests.bench.clients.face import Flags, Heard, body_bytes, headers_of, main


class AiohttpClient:
    unit = "body_bytes"

    def __init__(self, flags: Flags) -> None:
        parser = "compiled" if http.HttpResponseParser.__module__ == "aiohttp._http_parser" else "pure Python"
        self.what = f"aiohttp {aiohttp.__version__}, {parser} parser"
        self._url = f"http://127.0.0.1:{flags.port}/v1/responses"
        self._body = body_bytes()

    async def open(self, connections: int) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=300)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))

    async def call(self, number: int) -> Heard | None:
        chunks: list[tuple[int, bytes]] = []
        sent_ns = time.perf_counter_ns()
        async with self._session.post(self._url, data=self._body, headers=headers_of(number)) as response:
            async for chunk in response.content.iter_any():
                chunks.append((time.perf_counter_ns(), chunk))
        return heard(sent_ns=sent_ns, status=response.status, chunks=chunks)

    async def close(self) -> None:
        await self._session.close()


if __name__ == "__main__":
    main(AiohttpClient)
