"""Which streams are read in runs, and that what does not fit is read as it always was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from evalharness.core.failure import FailureKind
from evalharness.core.model import Limits
from evalharness.core.ports import Decoded, ResponseHead
from evalharness.wire import codec
from evalharness.wire.chat_reader import ChatReader
from evalharness.wire.reader import StreamEvent
from evalharness.wire.responses_reader import ResponsesReader
from evalharness.wire.settings import CodecSettings
from tests.support.wire_bytes import captured

Frame = Callable[[dict[str, Any]], bytes]


def openai(message: dict[str, Any]) -> bytes:
    return f"event: {message['type']}\ndata: {json.dumps(message, separators=(',', ':'))}\n\n".encode()


def data_only(message: dict[str, Any]) -> bytes:
    return f"data:{json.dumps(dict(reversed(message.items())))}\n\n".encode()


def crlf(message: dict[str, Any]) -> bytes:
    return openai(message).replace(b"\n", b"\r\n")


def with_ids(message: dict[str, Any]) -> bytes:
    return b": keep-alive\nid: 4\n" + openai(message)


def deltas(n: int, kind: str = "output_text", start: int = 0, **more: Any) -> list[dict[str, Any]]:
    place = {"item_id": "msg_1", "output_index": 0}
    texts = [f' "{index}" \\ \n é\u2028\U0001f600' for index in range(start, start + n)]
    return [
        {"type": f"response.{kind}.delta", "sequence_number": start + index, **place, "delta": text, **more}
        for index, text in enumerate(texts)
    ]


def chunks(n: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": "c", "choices": [{"index": 0, "delta": {"content": f"{index},"}, "finish_reason": None}], **more}
        for index in range(n)
    ]


@pytest.fixture
def events_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> list[StreamEvent]:
    seen: list[StreamEvent] = []
    for reader in (ResponsesReader, ChatReader):
        read = reader.event

        def spy(self: Any, at_ns: int, event: StreamEvent, read: Any = read) -> None:
            seen.append(event)
            read(self, at_ns, event)

        monkeypatch.setattr(reader, "event", spy)
    return seen


def decode(*reads: bytes, protocol: str = "responses", limits: Limits | None = None) -> Decoded:
    made = codec(protocol, CodecSettings(limits=limits or Limits()))
    decoder = made.decoder(head=ResponseHead(status=200, headers={}), stream=True)
    decoder.feed_reads([(10 * index, read) for index, read in enumerate(reads, start=1)])
    return decoder.finish(None)


@pytest.mark.parametrize("frame", [openai, data_only, crlf, with_ids])
@pytest.mark.parametrize("kind", ["output_text", "reasoning_summary_text", "function_call_arguments", "refusal"])
def test_of_a_hundred_deltas_only_the_first_is_parsed(
    frame: Frame, kind: str, events_read_one_by_one: list[StreamEvent]
):
    messages = [{**message, "obfuscation": "x" * (at % 16)} for at, message in enumerate(deltas(100, kind))]
    decoded = decode(*map(frame, messages))
    assert len(events_read_one_by_one) == 1
    assert (decoded.n_events, decoded.n_reads, decoded.anomalies) == (100, 100, ())
    assert decoded.partial_text == ("".join(m["delta"] for m in messages) if kind == "output_text" else None)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_how_the_bytes_were_read_does_not_matter(size: int, events_read_one_by_one: list[StreamEvent]):
    body = b"".join(map(openai, deltas(100)))
    decoded = decode(*(body[at : at + size] for at in range(0, len(body), size)))
    assert len(events_read_one_by_one) == 1
    ends = [len(b"".join(map(openai, deltas(n)))) for n in range(1, 101)]
    assert list(decoded.stamps.deltas_ns) == [10 * -(-end // size) for end in ends]


def test_reads_that_end_inside_the_blank_line_are_no_trouble(events_read_one_by_one: list[StreamEvent]):
    body = b"".join(map(openai, deltas(100)))
    reads = [part + b"\n" for part in body.removesuffix(b"\n\n").split(b"\n\n")]
    decoded = decode(*(b"\n" * (at > 0) + read for at, read in enumerate(reads)), b"\n")
    assert list(decoded.stamps.deltas_ns) == [10 * number for number in range(2, 102)]
    assert len(events_read_one_by_one) == 1


def test_an_event_is_dated_by_its_own_last_byte_and_not_by_a_comment_behind_it():
    made = codec("responses").decoder(head=ResponseHead(status=200, headers={}), stream=True)
    # The LF of the comment's CRLF comes in the next read, which hides from the decoder where events end.
    made.feed(10, b": ping\r")
    first, second = (crlf(message) + b": ping\r\n" for message in deltas(2))
    made.feed_reads([(20, b"\n"), (30, first), (40, second[:-1]), (50, second[-1:])])
    assert list(made.finish(None).stamps.deltas_ns) == [30, 40]


@pytest.mark.parametrize(
    ("more", "field"), [({}, "content"), ({"obfuscation": "ab"}, "content"), ({}, "reasoning_content")]
)
def test_chat_is_read_in_runs_too(more: dict[str, Any], field: str, events_read_one_by_one: list[StreamEvent]):
    frames = [data_only(chunk).replace(b"content", field.encode()) for chunk in chunks(100, **more)]
    decoded = decode(*frames, protocol="chat")
    assert len(events_read_one_by_one) == 1
    text = "".join(f"{index}," for index in range(100))
    assert decoded.partial_text == (text if field == "content" else None)
    assert (decoded.n_deltas, decoded.stamps.first_reasoning_ns) == ((100, None) if field == "content" else (0, 10))


@pytest.mark.parametrize(("name", "n_parsed"), [("llamacpp_responses_stream", 9), ("llamacpp_chat_stream", 4)])
def test_of_a_real_server_s_deltas_only_one_is_parsed(
    name: str, n_parsed: int, events_read_one_by_one: list[StreamEvent]
):
    decode(captured(name)[2], protocol="chat" if "chat" in name else "responses")
    assert len(events_read_one_by_one) == n_parsed


def test_an_event_that_breaks_the_sequence_is_noticed_and_the_run_goes_on(events_read_one_by_one: list[StreamEvent]):
    decoded = decode(*map(openai, [*deltas(50), *deltas(50, start=60)]))
    assert decoded.anomalies == ("sequence",)
    assert (decoded.n_deltas, len(events_read_one_by_one)) == (100, 2)


@pytest.mark.parametrize("frame", [openai, crlf])
@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_a_run_is_taken_at_once(frame: Frame, size: int, monkeypatch: pytest.MonkeyPatch):
    runs: list[int] = []
    body = b"".join(map(frame, deltas(100)))
    monkeypatch.setattr(ResponsesReader, "more_deltas", lambda _self, _like, texts, _stamps: runs.append(len(texts)))
    decode(*(body[at : at + size] for at in range(0, len(body), size)))
    assert runs == [99]


def test_kinds_may_take_turns(events_read_one_by_one: list[StreamEvent]):
    texts, arguments = deltas(100), deltas(100, "function_call_arguments")
    mixed = [
        text if at % 20 < 10 else argument for at, (text, argument) in enumerate(zip(texts, arguments, strict=True))
    ]
    decoded = decode(*map(openai, mixed))
    assert decoded.n_deltas == 100
    assert len(events_read_one_by_one) == 2


def test_halves_of_an_emoji_in_two_deltas_stay_halves():
    """As ``json.loads`` of each delta has it: what the service sent apart is not put together."""
    frames = [openai(message) for message in deltas(4)]
    halves = [
        frame.replace(json.dumps(m["delta"]).encode(), rb'"\ud83d"') for frame, m in zip(frames, deltas(4), strict=True)
    ]
    halves[2] = halves[2].replace(b"d83d", b"de00")
    assert decode(*halves).partial_text == "\ud83d\ud83d\ude00\ud83d"


@pytest.mark.parametrize(
    ("content", "says"), [(b"\\x", "escape"), (b"\xff", "UTF-8"), (b"a\nb", "Unterminated"), (b"\x01", "control")]
)
def test_a_delta_that_is_no_string_fails_where_it_stands(content: bytes, says: str):
    frames = [openai({**message, "delta": "here"}) for message in deltas(20)]
    frames[12] = frames[12].replace(b"here", content)
    decoded = decode(*frames)
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.n_events) == (FailureKind.PROTOCOL, 12)
    assert says in decoded.failure.message


def test_output_over_the_limit_fails_at_the_delta_that_is_too_much():
    frames = [openai({**message, "delta": "12345"}) for message in deltas(20)]
    decoded = decode(*frames, limits=Limits(max_output_bytes=52))
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.n_events, decoded.partial_text) == (FailureKind.TOO_LARGE, 11, "12345" * 10)


def test_an_event_over_the_bound_fails_in_a_run_too():
    """Padding is no output: only the size of the event speaks against it."""
    padded = [{**message, "obfuscation": "x" * (2**20 if at == 12 else 5)} for at, message in enumerate(deltas(20))]
    decoded = decode(b"".join(map(openai, padded)), limits=Limits(max_output_bytes=5000))
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.n_events) == (FailureKind.TOO_LARGE, 12)


def test_numbers_that_cannot_be_written_are_read_all_the_same():
    # Python refuses to write 10^4300; it does read one less.
    frames = [openai({**message, "sequence_number": "n"}) for message in deltas(3)]
    decoded = decode(openai(deltas(1)[0]), *(frame.replace(b'"n"', b"9" * 4300) for frame in frames))
    assert (decoded.n_deltas, decoded.anomalies) == (4, ("sequence",))


def test_events_that_never_repeat_are_not_learned_for_ever(monkeypatch: pytest.MonkeyPatch):
    tried: list[bytes] = []
    learn = "evalharness.wire.runs_of_deltas._template"
    monkeypatch.setattr(learn, lambda raw, *_: tried.append(raw))
    decode(*(openai({**message, "item_id": f"msg_{at}"}) for at, message in enumerate(deltas(200))))
    assert 0 < len(tried) <= 20


def test_deltas_after_the_end_are_counted_and_not_taken():
    end = {"type": "response.completed", "response": {"status": "completed", "output": []}}
    frames: Sequence[bytes] = [openai({**message, "sequence_number": None}) for message in deltas(10)]
    decoded = decode(*frames, openai(end), *frames)
    assert (decoded.n_events, decoded.n_deltas, decoded.anomalies[-1]) == (21, 10, "event_after_end")


def test_who_answered_is_said_by_the_last_chunk_also_of_a_run():
    ours, theirs = chunks(9, model="ours"), chunks(3, model="theirs")
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    decoded = decode(*map(data_only, [*ours[:3], *theirs, *ours[3:], end]), protocol="chat")
    assert decoded.answer.model_reported == "ours"


def test_where_one_spelling_of_reasoning_is_empty_the_other_counts():
    texts = ["a", "b", "", "c"]
    message = {"choices": [{"delta": {"reasoning_content": "<text>", "reasoning": "so"}}]}
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    frames = [data_only(message).replace(b"<text>", text.encode()) for text in texts]
    decoded = decode(*frames, data_only(end), protocol="chat")
    assert decoded.answer.reasoning_summary == "absoc"


def test_deltas_nested_nearly_too_deeply_raise_nothing():
    for depth in range(850, 1000):
        message = (
            b'data: {"type":"response.output_text.delta","delta":"x","y":' + b"[" * depth + b"]" * depth + b"}\n\n"
        )
        decoded = decode(message * 3)
        assert decoded.n_events in (0, 3)
