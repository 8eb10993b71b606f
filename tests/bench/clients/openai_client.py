"""The official client, as its documentation shows it: a stamp for each event it hands out, parsed."""

from __future__ import annotations

import time

import httpx
import openai

from tests.bench.clients.face import BODY, Flags, Heard, headers_of, main


class OpenaiClient:
    unit = "events"

    def __init__(self, flags: Flags) -> None:
        self.what = f"openai {openai.__version__}"
        self._base_url = f"http://127.0.0.1:{flags.port}/v1"
        self._streams = flags.streams

    async def open(self, connections: int) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._streams, keepalive_expiry=300)
        self._client = openai.AsyncOpenAI(
            base_url=self._base_url, api_key="bench", max_retries=0, timeout=None,
            http_client=openai.DefaultAsyncHttpxClient(limits=limits, trust_env=False),
        )  # fmt: skip

    async def call(self, number: int) -> Heard | None:
        reads: list[tuple[int, int]] = []
        sent_ns = time.perf_counter_ns()
        stream = await self._client.responses.create(**BODY, extra_headers=headers_of(number))
        is_complete = False
        async for event in stream:
            reads.append((time.perf_counter_ns(), len(reads) + 1))
            is_complete = event.type == "response.completed"
        return Heard(sent_ns=sent_ns, reads=lambda: reads) if is_complete else None

    async def close(self) -> None:
        await self._client.close()


if __name__ == "__main__":
    main(OpenaiClient)
