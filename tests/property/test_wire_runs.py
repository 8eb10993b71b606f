"""Many reads decoded at once are the same reads decoded one by one, whatever the bytes and however they are grouped.

The one-by-one way parses every event; the other reads runs of deltas by templates. A third reading, made here with
``json.loads`` alone, keeps both honest.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.core.model import Limits
from evalharness.core.ports import Decoded, ResponseHead, WireProtocol
from evalharness.wire import codec
from evalharness.wire.settings import CodecSettings
from tests.support.wire_bytes import EVENT_STREAM, answer_stream, captured, response, text_message

#: More by hand: EVALHARNESS_EXAMPLES=50000 pytest tests/property/test_wire_runs.py
EXAMPLES = int(os.environ.get("EVALHARNESS_EXAMPLES", "150"))
SLOW_DRAWS = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], deadline=None)
STEP_NS = 10

#: What stands between the quotes of a JSON string, as written: escapes, halves of surrogate pairs, all letters.
LETTERS = ["a", " word", "7", "é", "\u2028", "\U0001f600", "\x7f", "{", "}", "data: [DONE]", "x" * 1500]
ESCAPES = [r"\n", r"\"", r"\\", r"\/", r"\u00e9", r"\ud83d", r"\ude00", r"\u0022", r"\u005c", r"\",\"obfuscation\":\""]
RAW_TEXTS = st.lists(st.sampled_from([*LETTERS, *ESCAPES]), max_size=3).map("".join)
#: What no JSON string may hold: control characters, line ends, bytes that are no UTF-8, half an escape.
BAD_RAW_TEXTS = st.sampled_from(["\\x", "\\u12", "\t", "\n", "\r", "a\r\ndata: b", "\udcff", '"', "\\", '","delta":"'])


@dataclass(frozen=True)
class Framing:
    end: str
    data: str
    has_name: bool
    extra_line: str
    separators: tuple[str, str]
    padded: bool
    numbered: bool
    last_key_first: bool

    def write(self, message: Mapping[str, Any], **raw_texts: str) -> bytes:
        """``raw_texts``: strings of the message that are written as they are."""
        fields = dict(reversed(message.items())) if self.last_key_first else dict(message)
        text = json.dumps(fields, separators=self.separators)
        for place, raw in raw_texts.items():
            text = text.replace(f'"<{place}>"', f'"{raw}"')
        name = [f"event: {message.get('type', 'chunk')}"] if self.has_name else []
        extra = [self.extra_line] if self.extra_line else []
        lines = [*name, *extra, f"{self.data}{text}", "", ""]
        return self.end.join(lines).encode("utf-8", "surrogateescape")


FRAMINGS = st.builds(
    Framing,
    end=st.sampled_from(["\n", "\n", "\r\n", "\r"]),
    data=st.sampled_from(["data: ", "data:"]),
    has_name=st.booleans(),
    extra_line=st.sampled_from(["", "", ": ping", "id: 7", 'x: "delta":"a"']),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    padded=st.booleans(),
    numbered=st.booleans(),
    last_key_first=st.booleans(),
)


@dataclass(frozen=True)
class Stream:
    protocol: str
    events: list[bytes]


PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
DELTAS = [
    {"type": "response.output_text.delta", **PLACE, "delta": "<text>", "logprobs": []},
    {"type": "response.output_text.delta", "item_id": "msg_2", "delta": "<text>"},
    {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "summary_index": 0, "delta": "<text>"},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": "<text>"},
    {"type": "response.refusal.delta", **PLACE, "delta": "<text>"},
    {"type": "response.output_text.delta", "delta": "<text>", "deep": [{"delta": 4}, {"obfuscation": "x"}]},
]
CHUNK = {"id": "c_1", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": None}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CHUNKS = [
    chunk(content="<text>"),
    chunk(role="assistant", content="<text>", tool_calls=None),
    chunk(reasoning_content="<text>", content=None),
    chunk(reasoning="<text>", reasoning_content="so"),
    chunk(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": "<text>"}}]),
    chunk(reasoning_content="<text>", reasoning="so"),
    {**chunk(content="<text>"), "model": "other", "service_tier": "flex"},
    {**chunk(content="<text>"), "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
]
OTHERS = {
    "responses": [
        {"type": "response.created", "response": response(status="in_progress", usage=None)},
        {"type": "response.output_text.done", "text": "whole"},
        {"type": "response.output_item.done", "output_index": 0, "item": text_message("whole")},
        {"type": "response.newly_invented", "delta": "<text>"},
        {"type": "response.output_text.delta", "delta": 5},
        {"type": "response.output_text.delta", "delta": ""},
        {"type": "error", "message": "boom"},
        {"type": "response.completed", "response": response(text_message("a"))},
        {"type": "response.completed", "response": response()},
        {"type": "response.incomplete", "response": response(text_message("a"), status="incomplete")},
    ],
    "chat": [
        chunk(finish="stop"),
        chunk(finish="length", content="end"),
        {**CHUNK, "choices": []},
        {**CHUNK, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
        {"error": {"message": "boom"}},
        {"object": "newly.invented"},
    ],
}
LITERAL_EVENTS = [
    b": keep-alive\n\n",
    b"data: [DONE]\n\n",
    b"\n",
    b"\r",
    b"data: nonsense\n\n",
    b"data\n\n",
    b"id: 4\n\n",
]


@st.composite
def streams(draw: st.DrawFn, *, only_deltas: bool = False) -> Stream:
    """Runs of deltas of a few kinds, most of them well numbered, with everything else in between."""
    protocol = draw(st.sampled_from(["responses", "chat"]))
    framing = draw(FRAMINGS)
    number, events = draw(st.sampled_from([0, 1, 98, 2**53])), []
    for _ in range(draw(st.integers(1, 4))):
        message = draw(st.sampled_from(DELTAS if protocol == "responses" else CHUNKS))
        for raw in draw(st.lists(RAW_TEXTS, min_size=1, max_size=8)):
            number += draw(st.sampled_from([1] * 20 + [0, 2, -3]))
            numbering = {"sequence_number": number} if framing.numbered else {}
            padding = {"obfuscation": "q" * draw(st.integers(0, 9))} if framing.padded else {}
            events.append(framing.write({**message, **padding, **numbering}, text=raw))
        if only_deltas:
            continue
        if draw(st.booleans()):
            number += 1
            other = draw(st.sampled_from(OTHERS[protocol]))
            events.append(framing.write({**other, **({"sequence_number": number} if framing.numbered else {})}))
        if draw(st.integers(0, 4)) == 0:
            events.append(draw(st.sampled_from(LITERAL_EVENTS)))
        if draw(st.integers(0, 9)) == 0:
            events.append(framing.write(message, text=draw(BAD_RAW_TEXTS)))
    return Stream(protocol, events)


@st.composite
def reads_of(draw: st.DrawFn, body: bytes) -> list[tuple[int, bytes]]:
    """Cut at random, into bytes, or nearly at the ends of events. Some reads share a stamp, some are empty."""
    way = draw(st.integers(0, 3))
    if way == 0:
        size = draw(st.sampled_from([1, 2, 3, 7, 200]))
        cuts = list(range(0, len(body), size))
    elif way == 1:
        ends = [at for at in range(1, len(body)) if body[at - 1 : at] in (b"\n", b"\r")]
        cuts = [at + draw(st.integers(-1, 1)) for at in ends if draw(st.booleans())] if ends else []
    else:
        cuts = draw(st.lists(st.integers(0, len(body)), max_size=12))
    edges = [0, *sorted(max(0, cut) for cut in cuts), len(body)]
    step_ns = draw(st.sampled_from([STEP_NS, STEP_NS, 0]))
    return [(step_ns * index, body[a:b]) for index, (a, b) in enumerate(pairwise(edges), start=1)]


@cache
def a_codec(protocol: str, limits: Limits) -> WireProtocol:
    return codec(protocol, CodecSettings(limits=limits))


def replay(
    protocol: str, reads: Sequence[tuple[int, bytes]], *, limits: Limits, groups: Sequence[int] | None = None
) -> Decoded:
    """``groups``: how many reads each call of ``feed_reads`` takes, 0: one goes through ``feed``. None: all do."""
    decoder = a_codec(protocol, limits).decoder(head=ResponseHead(status=200, headers=EVENT_STREAM), stream=True)
    at = 0
    for size in groups or ():
        if size:
            decoder.feed_reads(reads[at : at + size])
        for read in reads[at : at + 1] if not size else ():
            decoder.feed(*read)
        at += size or 1
    for read in reads[at:] if groups is None else ():
        decoder.feed(*read)
    if groups is not None:
        decoder.feed_reads(reads[at:])
    return decoder.finish(None)


LIMITS = st.sampled_from([Limits(), Limits(), Limits(max_output_bytes=40), Limits(max_output_bytes=3500)])
GROUPS = st.just([]) | st.lists(st.sampled_from([0, 1, 2, 5, 40]), max_size=12)


@SLOW_DRAWS
@given(st.data())
def test_any_stream_in_any_groups_of_any_reads_is_decoded_as_it_is_read_by_read(data: st.DataObject):
    stream = data.draw(streams())
    reads, limits = data.draw(reads_of(b"".join(stream.events))), data.draw(LIMITS)
    together = replay(stream.protocol, reads, limits=limits, groups=data.draw(GROUPS))
    assert together == replay(stream.protocol, reads, limits=limits)


CAPTURED = [
    Stream("responses", [captured("llamacpp_responses_stream")[2]]),
    Stream("chat", [captured("llamacpp_chat_stream")[2]]),
    Stream("responses", [captured("llamacpp_responses_json")[2]]),
    Stream("responses", [b"\xef\xbb\xbf" + answer_stream("many pieces", pieces=11)]),
]


@SLOW_DRAWS
@given(st.data())
def test_damaged_streams_too(data: st.DataObject):
    stream = data.draw(streams() | st.sampled_from(CAPTURED))
    body = bytearray(b"".join(stream.events))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body)))
        put = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b"\n", b"\r", b"\n\n", b"0", b"-", b"data: "])
        )
        body[at : at + data.draw(st.integers(0, 3))] = put
    reads, limits = data.draw(reads_of(bytes(body))), data.draw(LIMITS)
    together = replay(stream.protocol, reads, limits=limits, groups=data.draw(GROUPS))
    assert together == replay(stream.protocol, reads, limits=limits)


@dataclass
class Reading:
    """What ``json.loads`` of each event's data says, and the read in which the event's last line ended."""

    visible_ns: list[int]
    reasoning_ns: list[int]
    event_reads: list[int]
    texts: dict[Any, str]
    out_of_order: bool = False


def read_with_json(stream: Stream, reads: Sequence[tuple[int, bytes]]) -> Reading:
    found = Reading([], [], [], {})
    read_ends = list(accumulate(len(data) for _, data in reads))
    numbers, at = [], 0
    for event in stream.events:
        at += len(event)
        (line,) = (line for line in re.split(rb"\r\n|\r|\n", event) if line.startswith(b"data:"))
        message = json.loads(line.removeprefix(b"data:"))
        # A CRLF is complete with its CR.
        index = bisect_left(read_ends, at - event.endswith(b"\r\n"))
        found.event_reads.append(index)
        # Chat has no such field: a number there means nothing.
        numbers += [message["sequence_number"]] if "sequence_number" in message and "type" in message else []
        kind, place, text = text_of(message)
        if text:
            (found.reasoning_ns if kind == "reasoning" else found.visible_ns).append(reads[index][0])
        if kind == "text" and text:
            found.texts[place] = found.texts.get(place, "") + text
    found.out_of_order = any(b != a + 1 for a, b in pairwise(numbers))
    return found


def text_of(message: Mapping[str, Any]) -> tuple[str, Any, str]:
    """Kind, place and text of one delta."""
    if "choices" in message:
        delta = message["choices"][0]["delta"]
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning:
            return "reasoning", 0, reasoning
        calls = delta.get("tool_calls") or []
        arguments = "".join(call["function"]["arguments"] for call in calls)
        return ("tool", 0, arguments) if arguments else ("text", 0, delta.get("content") or "")
    subject = message["type"].split(".")[1]
    kind = {"output_text": "text", "reasoning_summary_text": "reasoning"}.get(subject, subject)
    place = (message.get("output_index"), message.get("item_id"), message.get("content_index"))
    return kind, place, message["delta"]


@SLOW_DRAWS
@given(st.data())
def test_runs_are_what_json_says_of_each_event(data: st.DataObject):
    stream = data.draw(streams(only_deltas=True))
    reads = data.draw(reads_of(b"".join(stream.events)))
    decoded = replay(stream.protocol, reads, limits=Limits(), groups=data.draw(GROUPS))
    said = read_with_json(stream, reads)
    assert list(decoded.stamps.deltas_ns) == said.visible_ns
    assert decoded.stamps.first_reasoning_ns == next(iter(said.reasoning_ns), None)
    assert (decoded.n_events, decoded.n_reads) == (len(said.event_reads), len(set(said.event_reads)))
    assert decoded.stamps.first_event_ns == reads[said.event_reads[0]][0]
    assert decoded.partial_text == ("".join(said.texts.values()) or None)
    assert decoded.anomalies == (("sequence",) if said.out_of_order else ())
