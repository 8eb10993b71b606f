"""Prepared answers: the bytes of a stream of the Responses API, cut into writes with the time each is due.

They are made once, before any clock runs, so that a server has nothing left to do but to write them on time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.units import NS_PER_MS

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
_DELTA = "response.output_text.delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes that leave in one write, ``offset_ns`` after the request has arrived.

    The counts are running totals up to the end of this write, in each of the units a client may count in; those of
    bytes are 0 where they are not the same for every call.
    """

    offset_ns: int
    wire: bytes
    wire_bytes: int
    body_bytes: int
    events: int
    deltas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    writes: tuple[Write, ...]

    @property
    def n_deltas(self) -> int:
        return self.writes[-1].deltas

    @property
    def duration_ns(self) -> int:
        return self.writes[-1].offset_ns

    @property
    def delta_writes(self) -> list[int]:
        """The writes that bring a delta."""
        before = [0, *(write.deltas for write in self.writes[:-1])]
        return [index for index, write in enumerate(self.writes) if write.deltas > before[index]]


def lone_deltas(*, n_deltas: int, ttft_ns: int, gap_ns: int) -> Answer:
    """Opening events at once, the first delta after ``ttft_ns``, each in a write of its own, then the closing ones."""
    opening, deltas, closing = _events(n_deltas)
    moments = [(0, opening)]
    moments += [(ttft_ns + number * gap_ns, [delta]) for number, delta in enumerate(deltas)]
    moments.append((ttft_ns + n_deltas * gap_ns, closing))
    return _answer(moments)


def bundled(*, n_deltas: int, hold_ns: int = 0) -> Answer:
    """Everything in one write, as a service that is faster than its network sends it."""
    opening, deltas, closing = _events(n_deltas)
    return _answer([(hold_ns, [*opening, *deltas, *closing])])


def warm_up(streams: int) -> Answer:
    """Held back until every stream has sent its request, so that each needs a connection of its own."""
    return bundled(n_deltas=8, hold_ns=max(200, streams) * NS_PER_MS)


def as_file(answers: Sequence[Answer]) -> bytes:
    """What ``clocked_server.c`` reads: per answer its number of writes; per write offset, size, a line end, bytes."""
    parts: list[bytes] = []
    for answer in answers:
        parts.append(b"%d\n" % len(answer.writes))
        parts += [b"%d %d\n%b\n" % (write.offset_ns, len(write.wire), write.wire) for write in answer.writes]
    return b"".join(parts)


def _answer(moments: Sequence[tuple[int, Sequence[bytes]]]) -> Answer:
    writes: list[Write] = []
    wire_bytes = body_bytes = events = deltas = 0
    for index, (offset_ns, told) in enumerate(moments):
        # One chunk per event, which is how the servers of the field frame them, whether or not they leave together.
        wire = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in told)
        wire = (_HEAD if index == 0 else b"") + wire + (_END if index == len(moments) - 1 else b"")
        wire_bytes += len(wire)
        body_bytes += sum(map(len, told))
        events += len(told)
        deltas += sum(event.startswith(b"event: " + _DELTA.encode()) for event in told)
        totals = {"wire_bytes": wire_bytes, "body_bytes": body_bytes, "events": events, "deltas": deltas}
        writes.append(Write(offset_ns=offset_ns, wire=wire, **totals))
    return Answer(writes=tuple(writes))


def _events(n_deltas: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Opening, deltas, closing: complete enough for the official client."""
    words = [f" word{number % 10}" for number in range(n_deltas)]
    text = "".join(words)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {"id": "msg_bench", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    place = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    number = iter(range(n_deltas + 16))
    opening = [
        _event(number, "response.created", response=_response("in_progress", [], n_deltas)),
        _event(number, "response.in_progress", response=_response("in_progress", [], n_deltas)),
        _event(number, "response.output_item.added", output_index=0,
               item=message | {"status": "in_progress", "content": []}),
        _event(number, "response.content_part.added", **place, part=part | {"text": ""}),
    ]  # fmt: skip
    deltas = [_event(number, _DELTA, **place, delta=word, logprobs=[]) for word in words]
    closing = [
        _event(number, "response.output_text.done", **place, text=text, logprobs=[]),
        _event(number, "response.content_part.done", **place, part=part),
        _event(number, "response.output_item.done", output_index=0, item=message),
        _event(number, "response.completed", response=_response("completed", [message], n_deltas)),
    ]
    return opening, deltas, closing


def _response(status: str, output: list[object], n_deltas: int) -> dict[str, object]:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": n_deltas,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": n_deltas + 9,
    }
    return {
        "id": "resp_bench", "object": "response", "created_at": 1_760_000_000, "status": status, "error": None,
        "incomplete_details": None, "instructions": None, "max_output_tokens": None, "model": "bench",
        "output": output, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "metadata": {}, "usage": usage if status == "completed" else None,
    }  # fmt: skip


def _event(number: Iterator[int], type: str, **fields: object) -> bytes:
    payload = json.dumps({"type": type, "sequence_number": next(number), **fields}, separators=(",", ":"))
    return f"event: {type}\ndata: {payload}\n\n".encode()
