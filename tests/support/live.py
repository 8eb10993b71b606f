"""One question to a live server: codec, transport and decoder together, as the engine uses them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from evalharness.core.clock import SystemClock
from evalharness.core.model import Json, Limits, Timeouts
from evalharness.core.ports import Decoded, HttpRequest, Tape, Terms
from evalharness.transport.http import HttpTransport
from evalharness.transport.settings import HttpSettings
from evalharness.wire import codec
from evalharness.wire.settings import CodecSettings
from tests.support.tapes import decode_tape


def ask(base_url: str, input: Json, **options: Any) -> Decoded:
    return taped(base_url, input, **options)[1]


def taped(
    base_url: str,
    input: Json,
    *,
    key: str | None = None,
    request: Mapping[str, Json] | None = None,
    protocol: str = "responses",
    model: str = "gpt-4o",
    timeouts: Timeouts | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[Tape, Decoded]:
    made = codec(protocol, CodecSettings(secrets=(key,) if key else ()))
    wire = made.encode(model=model, input=input, request=request or {})

    async def run() -> Tape:
        transport = HttpTransport(HttpSettings(base_url=base_url, clock=SystemClock(), api_key=key))
        shown = {"content-type": "application/json", "x-client-request-id": "run.trial.0", **(headers or {})}
        sent = HttpRequest(path=wire.path, headers=shown, body=json.dumps(wire.body).encode())
        try:
            terms = Terms(
                timeouts=timeouts or Timeouts(connect=5000, first_event=20_000, idle=20_000, total=60_000),
                limits=Limits(),
                watch=made.watch(stream=wire.stream),
            )
            return await transport.exchange(sent, terms)
        finally:
            await transport.close()

    tape = asyncio.run(run())
    return tape, decode_tape(made, tape, stream=wire.stream)
