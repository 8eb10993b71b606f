"""Bytes of streams and bodies, and what a codec makes of them. Built by hand, without the codecs' own code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalharness.core.failure import Failure
from evalharness.core.model import Limits
from evalharness.core.ports import Decoded, ResponseHead
from evalharness.wire import codec
from evalharness.wire.settings import CodecSettings

CAPTURED = Path(__file__).parents[1] / "unit" / "wire" / "captured"
EVENT_STREAM = {"content-type": "text/event-stream"}


def sse(kind: str, **fields: Any) -> bytes:
    """One event as OpenAI frames it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def data_only(**fields: Any) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def text_message(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def usage(input_tokens: Any = 7, output_tokens: Any = 5, reasoning_tokens: Any = 2, **more: Any) -> dict[str, Any]:
    total = more.pop("total_tokens", None)
    if total is None and isinstance(input_tokens, int) and isinstance(output_tokens, int):
        total = input_tokens + output_tokens
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": total,
        **more,
    }


def response(*output: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A completed response object."""
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-5.4-mini-2026-03-01",
        "reasoning": {"effort": "low", "summary": None},
        "service_tier": "default",
        "output": list(output),
        "usage": usage(),
        **fields,
    }


def answer_stream(text: str = "The answer is 7.", pieces: int = 4, **final: Any) -> bytes:
    """A well-formed stream: created, in progress, one message in several deltas, completed."""
    step = max(1, -(-len(text) // pieces))
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return b"".join(
        [
            sse("response.created", response=response(status="in_progress", usage=None)),
            sse("response.in_progress", response=response(status="in_progress", usage=None)),
            sse("response.output_item.added", output_index=0, item={**text_message(""), "content": []}),
            *(
                sse("response.output_text.delta", delta=text[at : at + step], **place)
                for at in range(0, len(text), step)
            ),
            sse("response.output_text.done", text=text, **place),
            sse("response.output_item.done", output_index=0, item=text_message(text)),
            sse("response.completed", response=response(text_message(text), **final)),
        ]
    )


def decode(
    *reads: bytes,
    protocol: str = "responses",
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    failure: Failure | None = None,
    limits: Limits | None = None,
    secrets: Sequence[str] = (),
) -> Decoded:
    """Each of ``reads`` arrives 10 ns after the one before, the first at 10."""
    made = codec(protocol, CodecSettings(limits=limits or Limits(), secrets=tuple(secrets)))
    shown = (EVENT_STREAM if stream else {}) if headers is None else headers
    decoder = made.decoder(head=ResponseHead(status=status, headers=shown), stream=stream)
    for index, data in enumerate(reads, start=1):
        decoder.feed(10 * index, data)
    return decoder.finish(failure)


def captured(name: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a recorded exchange (as written by ``curl -i``, transfer coding undone)."""
    head, _, body = (CAPTURED / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return int(status_line.split()[1]), {name.lower(): value.strip() for name, value in pairs}, body
