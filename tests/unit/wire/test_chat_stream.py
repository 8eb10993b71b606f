"""What a chat completion becomes. The shapes are those of the published API; llama.cpp's are in test_real_servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Limits, Status
from evalharness.core.record import ToolCall, Usage
from evalharness.wire.anomalies import Anomaly
from tests.support.wire_bytes import data_only, decode

DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens": 5,
    "completion_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 12,
}


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return data_only(id="chatcmpl-1", object="chat.completion.chunk", model="m-1", choices=[choice])


USAGE_CHUNK = data_only(id="chatcmpl-1", object="chat.completion.chunk", choices=[], usage=USAGE)


def read(*reads: bytes, **options: Any) -> Any:
    return decode(*reads, protocol="chat", **options)


def test_a_stream_is_an_answer_with_usage_and_stamps():
    decoded = read(
        chunk(role="assistant", content=""), chunk(content="4"), chunk(content="2"), chunk("stop"), USAGE_CHUNK, DONE
    )
    assert (decoded.status, decoded.answer.text, decoded.answer.stop_reason) == (Status.OK, "42", "completed")
    assert (decoded.answer.response_id, decoded.answer.model_reported) == ("chatcmpl-1", "m-1")
    assert decoded.usage == Usage(input_tokens=7, cached_tokens=1, output_tokens=5, reasoning_tokens=2)
    stamps = decoded.stamps
    assert (stamps.first_event_ns, stamps.first_output_ns, stamps.last_output_ns, stamps.done_ns) == (10, 20, 30, 40)
    assert (decoded.n_events, decoded.n_deltas, decoded.n_reads, decoded.anomalies) == (5, 2, 5, ())


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_both_spellings_of_reasoning_are_kept_apart_from_the_answer(field: str):
    decoded = read(chunk(**{field: "hm"}), chunk(content="7"), chunk("stop"), USAGE_CHUNK)
    assert (decoded.answer.text, decoded.answer.reasoning_summary) == ("7", "hm")
    assert (decoded.stamps.first_reasoning_ns, decoded.stamps.first_output_ns) == (10, 20)
    assert [item["type"] for item in decoded.answer.items] == ["reasoning", "message"]


def test_a_refusal_is_refused():
    decoded = read(chunk(refusal="I "), chunk(refusal="can't."), chunk("stop"), USAGE_CHUNK)
    assert (decoded.status, decoded.answer.refusal, decoded.answer.text) == (Status.REFUSED, "I can't.", "")
    assert decoded.stamps.first_output_ns == 10


def test_tool_calls_are_put_together_by_index():
    decoded = read(
        chunk(tool_calls=[{"index": 0, "id": "c0", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        chunk(tool_calls=[{"index": 1, "id": "c1", "type": "custom", "custom": {"name": "g", "input": "ls"}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        chunk("tool_calls"),
        USAGE_CHUNK,
    )
    assert decoded.answer.tool_calls == (
        ToolCall(name="f", arguments='{"a":1}', call_id="c0"),
        ToolCall(name="g", arguments="ls", call_id="c1", type="custom_tool_call"),
    )
    assert decoded.answer.items[0] == {"type": "function_call", "call_id": "c0", "name": "f", "arguments": '{"a":1}'}
    assert decoded.stamps.first_output_ns == 20
    assert decoded.answer.stop_reason == "completed"


@pytest.mark.parametrize(
    ("finish", "stop_reason", "odd"),
    [
        ("length", "max_output_tokens", ()),
        ("content_filter", "content_filter", ()),
        ("insufficient_system_resource", "insufficient_system_resource", (Anomaly.UNKNOWN_FINISH_REASON,)),
    ],
)
def test_an_answer_that_was_stopped_is_incomplete(finish: str, stop_reason: str, odd: Any):
    decoded = read(chunk(content="The"), chunk(finish), USAGE_CHUNK, DONE)
    assert (decoded.status, decoded.answer.text, decoded.answer.stop_reason) == (Status.INCOMPLETE, "The", stop_reason)
    assert decoded.anomalies == odd


@pytest.mark.parametrize("end", [b"", DONE])
def test_a_stream_without_finish_reason_is_cut_whether_or_not_the_marker_came(end: bytes):
    decoded = read(chunk(content="The"), end)
    assert decoded.failure.kind is FailureKind.STREAM_CUT
    assert (decoded.partial_text, decoded.answer.text) == ("The", "")


def test_a_stream_that_breaks_before_its_usage_has_its_answer_without_usage():
    cut = Failure(kind=FailureKind.STREAM_CUT, message="reset")
    decoded = read(chunk(content="7"), chunk("stop"), failure=cut)
    assert (decoded.status, decoded.answer.text, decoded.usage) == (Status.OK, "7", None)
    assert set(decoded.anomalies) == {Anomaly.USAGE_MISSING, Anomaly.CUT_AFTER_END}


def test_an_error_in_the_stream_is_the_server_s_failure():
    decoded = read(chunk(content="The"), data_only(error={"message": "overloaded", "code": 529}))
    assert (decoded.failure.kind, decoded.failure.message) == (FailureKind.SERVER, "overloaded")
    assert (decoded.partial_text, decoded.answer.text, decoded.answer.model_reported) == ("The", "", "m-1")


def test_output_in_the_last_chunk_alone_is_a_delta_of_its_time():
    decoded = read(chunk(role="assistant"), chunk("stop", content="7"), USAGE_CHUNK)
    assert (decoded.stamps.first_output_ns, decoded.stamps.done_ns, decoded.n_deltas) == (20, 20, 1)


def test_other_objects_are_counted():
    decoded = read(data_only(object="ping"), data_only(x=1), chunk("stop", content="7"), USAGE_CHUNK)
    assert decoded.unknown_events == {"ping": 1, "(no type)": 1}


def completion(finish: str | None = "stop", **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE}
    ).encode()


def test_a_whole_completion():
    calls = [{"id": "c0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    calls += [{"id": "c1", "type": "function", "function": {"name": "g", "arguments": "{}"}}]
    decoded = read(completion("tool_calls", content="Wait.", reasoning_content="hm", tool_calls=calls), stream=False)
    assert (decoded.status, decoded.answer.text, decoded.answer.reasoning_summary) == (Status.OK, "Wait.", "hm")
    assert [call.name for call in decoded.answer.tool_calls] == ["f", "g"]
    assert decoded.usage is not None
    assert (decoded.stamps.first_output_ns, decoded.stamps.done_ns, decoded.n_deltas) == (None, 10, 0)
    assert decoded.anomalies == ()


def test_whole_completions_that_ended_otherwise():
    assert read(completion("length", content="T"), stream=False).status is Status.INCOMPLETE
    assert read(completion(refusal="no", content=None), stream=False).status is Status.REFUSED
    assert read(completion(None, content="7"), stream=False).anomalies == (Anomaly.NO_STATUS,)
    assert read(completion(content="7"), stream=True, headers={}).anomalies == (Anomaly.NOT_STREAMED,)


@pytest.mark.parametrize("body", [b'{"choices": []}', b'{"choices": [{"delta": {}}]}', b"[]", b"{}", b'{"output": []}'])
def test_a_body_that_is_no_completion_is_a_protocol_failure(body: bytes):
    assert read(body, stream=False).failure.kind is FailureKind.PROTOCOL


def test_text_over_the_limit_is_too_large():
    for limit, kind in ((3, FailureKind.TOO_LARGE), (4, None)):
        decoded = read(chunk(content="éé"), chunk("stop"), limits=Limits(max_output_bytes=limit))
        assert (decoded.failure.kind if decoded.failure else None) is kind
        whole = read(completion(content="éé"), stream=False, limits=Limits(max_output_bytes=limit))
        assert (whole.failure.kind if whole.failure else None) is kind
