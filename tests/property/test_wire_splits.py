"""The same bytes mean the same, however the network splits them; and no bytes make a decoder raise."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from evalharness.core.model import Limits, Status
from evalharness.core.ports import Activity, Decoded
from evalharness.core.record import Stamps
from evalharness.wire import codec
from evalharness.wire.sse import SseParser
from tests.support.wire_bytes import answer_stream, captured, decode, response, sse, text_message

LINES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"data", b"event: e", b": c", b"", b"", b"id: 1", b"\xc3\xa9: \xe2\x80\xa8", b"da"]
    )
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Lines of all kinds with mixed ends, perhaps after a byte order mark, perhaps cut off."""
    body = b"".join(line + draw(ENDS) for line in draw(LINES))
    return (
        draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb"])) + body + draw(st.sampled_from([b"", b"data: cut"]))
    )


@st.composite
def split(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def reference_events(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The standard's grammar, read over the whole stream at once."""
    text = stream.removeprefix(b"\xef\xbb\xbf")
    *lines, _cut = re.split(rb"\r\n|\r|\n", text)
    events, name, data = [], b"", b""
    for line in lines:
        if not line:
            if data:
                events.append((name, data[:-1]))
            name, data = b"", b""
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            data += value + b"\n"
        if field == b"event":
            name = value
    return events


@given(st.data())
def test_any_split_gives_the_events_of_the_grammar(data: st.DataObject):
    stream = data.draw(streams())
    parser = SseParser(max_event_bytes=10_000)
    events = [tuple(event) for read in data.draw(split(stream)) for event in parser.feed(read)]
    assert events == reference_events(stream)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), max_size=5), ENDS)
def test_the_parser_agrees_with_the_openai_client_s(texts: list[str], end: bytes):
    stream = b"".join(b"event: e" + end + b"data: " + text.encode() + end + end for text in texts)
    ours = [event.data.decode() for event in SseParser(max_event_bytes=10_000).feed(stream)]
    theirs = [event.data for event in SSEDecoder().iter_bytes(iter([stream]))]
    # The client splits at U+2028 and its like as well, which is why it is not used.
    if not re.search("[\x85\u2028\u2029]", "".join(texts)):
        assert ours == theirs
    assert ours == texts


RESPONSES = [
    answer_stream("Zwölf — 12\u2028x"),
    answer_stream("cut")[:-40],
    b"\xef\xbb\xbf" + answer_stream("crlf").replace(b"\n", b"\r\n") + b"data: [DONE]\n\n",
    sse("response.created", response=response()) + sse("error", message="boom") + sse("response.failed", response={}),
    b'data: {"type": \n\n' + answer_stream("bad"),
    captured("llamacpp_responses_stream")[2],
    captured("llamacpp_responses_json")[2],
    b"  \r\n<html>",
    b"plain text",
    sse("response.completed", response=response(text_message("x" * 900))),
]
CHAT = [captured("llamacpp_chat_stream")[2], captured("llamacpp_chat_json")[2]]
BODIES = [*RESPONSES, *CHAT]


def without_reads(decoded: Decoded) -> Decoded:
    return replace(decoded, stamps=Stamps(), n_reads=0)


@settings(max_examples=200)
@given(st.data())
def test_any_split_of_a_body_decodes_to_the_same_but_for_its_times(data: st.DataObject):
    body = BODIES[data.draw(st.integers(0, len(BODIES) - 1))]
    protocol = "chat" if body in CHAT else "responses"
    status = data.draw(st.sampled_from([200, 200, 200, 500]))
    limits = Limits(max_output_bytes=data.draw(st.sampled_from([600, 10_000])))
    whole = decode(body, protocol=protocol, status=status, limits=limits)
    parts = decode(*data.draw(split(body)), protocol=protocol, status=status, limits=limits)
    assert without_reads(parts) == without_reads(whole)
    assert parts.n_reads <= parts.n_events


@given(st.data())
def test_any_split_ends_the_watch_and_never_before_the_terminal_event(data: st.DataObject):
    stream = answer_stream("seven").replace(b"\n", data.draw(ENDS))
    watch, n_seen, ended = codec("responses").watch(stream=True), 0, False
    for read in data.draw(split(stream)):
        n_seen += len(read)
        if watch.saw(read) is Activity.TERMINAL:
            ended = True
            # A lone CR ends the event: the LF of a CRLF may still be on its way.
            assert n_seen >= len(stream) - 1
    assert ended


@settings(max_examples=400)
@given(st.data())
@example(None)
def test_no_bytes_make_a_decoder_raise(data: st.DataObject | None):
    if data is None:
        body, protocol = b"data: " + b"[" * 200_000 + b"\n\n", "responses"
    else:
        protocol = data.draw(st.sampled_from(["responses", "chat"]))
        body = bytearray(BODIES[data.draw(st.integers(0, len(BODIES) - 1))])
        for _ in range(data.draw(st.integers(0, 8))):
            at = data.draw(st.integers(0, len(body)))
            body[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=6))
    decoded = decode(bytes(body), protocol=protocol)
    assert (decoded.status is Status.ERROR) == (decoded.failure is not None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PLACES = ["response", "output", "content", "usage", "error", "item", "delta", "summary", "status", "incomplete_details"]


@settings(max_examples=300)
@given(st.sampled_from(PLACES), JSON_VALUES, st.sampled_from(["created", "completed", "failed", "output_item.done"]))
def test_no_json_in_any_field_makes_a_decoder_raise(place: str, value: object, kind: str):
    message = {"type": "message", "content": value if place == "content" else [], "summary": value}
    full = {**response(message, {"type": "reasoning", "summary": value, "content": value}), place: value}
    fields = {"response": full, "item": message, "delta": value, place: value}
    for body in (sse(f"response.{kind}", **fields), sse("error", **fields)):
        decoded = decode(body)
        assert (decoded.status is Status.ERROR) == (decoded.failure is not None)


@settings(max_examples=200)
@given(
    st.sampled_from(["choices", "delta", "message", "usage", "error", "tool_calls", "finish_reason", "model"]),
    JSON_VALUES,
)
def test_no_json_in_any_field_of_a_chunk_makes_a_decoder_raise(place: str, value: object):
    inner = {"content": "x", "tool_calls": value if place == "tool_calls" else []}
    choice = {"delta": inner, "message": inner, "finish_reason": "stop", place: value}
    message = {"choices": [choice], "usage": None, "model": "m", place: value}
    for body in (sse("chunk", **message), sse("chunk", **message).partition(b"data: ")[2]):
        decoded = decode(body, protocol="chat")
        assert (decoded.status is Status.ERROR) == (decoded.failure is not None)
