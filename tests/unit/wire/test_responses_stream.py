"""What a Responses stream becomes: raw bytes in, one ``Decoded`` out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import Limits, Status
from evalharness.core.ports import Decoded
from evalharness.core.record import ToolCall, Usage
from evalharness.wire.anomalies import Anomaly
from tests.support.wire_bytes import answer_stream, data_only, decode, response, sse, text_message, usage

CREATED = sse("response.created", response=response(status="in_progress", usage=None))
PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def delta(text: str, kind: str = "output_text") -> bytes:
    return sse(f"response.{kind}.delta", delta=text, **PLACE)


def completed(*output: dict[str, Any], **fields: Any) -> bytes:
    return sse("response.completed", response=response(*output, **fields))


def failure_of(decoded: Decoded) -> Failure:
    assert decoded.status is Status.ERROR
    assert decoded.failure is not None
    return decoded.failure


def test_a_well_formed_stream_is_an_answer_with_everything_the_service_said():
    decoded = decode(answer_stream())
    assert decoded.status is Status.OK
    assert decoded.answer.text == "The answer is 7."
    assert decoded.answer.stop_reason == "completed"
    assert decoded.answer.response_id == "resp_1"
    assert decoded.answer.model_reported == "gpt-5.4-mini-2026-03-01"
    assert decoded.answer.effort_reported == "low"
    assert decoded.answer.tier_reported == "default"
    assert decoded.usage == Usage(input_tokens=7, cached_tokens=1, output_tokens=5, reasoning_tokens=2)
    assert (decoded.n_events, decoded.n_deltas, decoded.anomalies) == (10, 4, ())
    assert decoded.partial_text is None


def test_stamps_are_the_arrivals_of_the_reads_that_completed_the_events():
    thinking = sse("response.reasoning_summary_text.delta", delta="hm", item_id="rs_1", summary_index=0)
    half = delta("lo")
    decoded = decode(
        CREATED, b": keep-alive\n\n", thinking, delta("Hel"), half[:20], half[20:], completed(text_message("Hello"))
    )
    stamps = decoded.stamps
    assert (stamps.first_event_ns, stamps.first_reasoning_ns) == (10, 30)
    assert (stamps.first_output_ns, stamps.last_output_ns, stamps.done_ns) == (40, 60, 70)
    assert list(stamps.deltas_ns) == [40, 60]
    assert decoded.n_reads == 5


def test_events_of_one_read_share_its_stamp_and_count_as_one_read():
    decoded = decode(CREATED + delta("a") + delta("b"), delta("c") + completed(text_message("abc")))
    assert list(decoded.stamps.deltas_ns) == [10, 10, 20]
    assert (decoded.n_events, decoded.n_reads) == (5, 2)


def test_an_empty_delta_is_no_output():
    decoded = decode(CREATED, delta(""), delta("7"), completed(text_message("7")))
    assert decoded.stamps.first_output_ns == 30
    assert decoded.n_deltas == 1


@pytest.mark.parametrize(
    "kind", ["reasoning_summary_text", "reasoning_text", "reasoning"], ids=["summary", "OpenAI", "Open Responses"]
)
def test_both_spellings_of_reasoning_are_reasoning_and_not_output(kind: str):
    decoded = decode(CREATED, delta("hm", kind), delta("7"), completed(text_message("7")))
    assert (decoded.stamps.first_reasoning_ns, decoded.stamps.first_output_ns) == (20, 30)
    assert decoded.unknown_events == {}


@pytest.mark.parametrize(
    "kind",
    [
        "refusal",
        "function_call_arguments",
        "custom_tool_call_input",
        "mcp_call_arguments",
        "code_interpreter_call_code",
    ],
)
def test_every_kind_of_visible_delta_is_output(kind: str):
    decoded = decode(CREATED, delta("x", kind), completed(text_message("")))
    assert decoded.stamps.first_output_ns == 20


# ---------------------------------------------------------------- what the answer is made of


def test_text_refusal_reasoning_and_tool_calls_are_kept_apart():
    output = [
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": t} for t in ("first", "then")]},
        {"type": "web_search_call", "id": "ws", "status": "completed"},
        text_message("The sum "),
        {"type": "function_call", "name": "add", "arguments": '{"a":1}', "call_id": "call_1", "id": "fc"},
        {"type": "custom_tool_call", "name": "shell", "input": "ls", "call_id": "call_2"},
        {"type": "mcp_call", "name": "find", "arguments": "{}", "id": "mcp_1", "server_label": "s"},
        {"type": "code_interpreter_call", "code": "1+1", "id": "ci_1", "outputs": None},
        text_message("is 2."),
    ]
    answer = decode(CREATED, completed(*output)).answer
    assert answer.text == "The sum is 2."
    assert answer.reasoning_summary == "first\n\nthen"
    assert answer.tool_calls == (
        ToolCall(name="add", arguments='{"a":1}', call_id="call_1"),
        ToolCall(name="shell", arguments="ls", call_id="call_2", type="custom_tool_call"),
        ToolCall(name="find", arguments="{}", call_id="mcp_1", type="mcp_call"),
        ToolCall(name="code_interpreter", arguments="1+1", call_id="ci_1", type="code_interpreter_call"),
    )
    assert list(answer.items) == output


def test_reasoning_text_stands_in_where_there_is_no_summary():
    item = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "let me see"}]}
    assert decode(CREATED, completed(item, text_message("7"))).answer.reasoning_summary == "let me see"


def test_a_refusal_has_a_status_of_its_own_and_no_text():
    refusing = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]}
    decoded = decode(CREATED, delta("I can't.", "refusal"), completed(refusing))
    assert (decoded.status, decoded.answer.refusal, decoded.answer.text) == (Status.REFUSED, "I can't.", "")
    assert decoded.anomalies == ()


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter", "max_tool_calls"])
def test_an_incomplete_answer_keeps_its_text_and_its_reason(reason: str):
    final = response(text_message("The"), status="incomplete", incomplete_details={"reason": reason})
    decoded = decode(CREATED, delta("The"), sse("response.incomplete", response=final))
    assert decoded.status is Status.INCOMPLETE
    assert (decoded.answer.text, decoded.answer.stop_reason) == ("The", reason)
    assert decoded.usage is not None
    assert decoded.failure is None


def test_an_incomplete_answer_without_a_reason_is_noted():
    final = response(text_message("The"), status="incomplete")
    decoded = decode(CREATED, delta("The"), sse("response.incomplete", response=final))
    assert decoded.answer.stop_reason == "unknown"
    assert decoded.anomalies == (Anomaly.NO_INCOMPLETE_REASON,)


def test_text_is_kept_exactly_surrogates_controls_and_all():
    text = "a\u2028b\x00c\x1b[31m\ud83d d"
    decoded = decode(answer_stream(text))
    assert decoded.answer.text == text
    assert decoded.anomalies == ()


# ---------------------------------------------------------------- how a stream may end


def test_truncated_stream_is_a_failure_not_a_short_answer():
    decoded = decode(CREATED, delta("The answer is"))
    failure = failure_of(decoded)
    assert failure.kind is FailureKind.STREAM_CUT
    assert failure.message == "the stream ended after 2 events without a terminal event"
    assert decoded.partial_text == "The answer is"
    assert decoded.answer.text == ""
    assert decoded.stamps.done_ns is None


def test_every_truncation_of_a_stream_is_cut_until_its_last_byte():
    stream = answer_stream("7")
    for end in range(len(stream) - 1):
        assert failure_of(decode(stream[:end])).kind is FailureKind.STREAM_CUT, end
    assert decode(stream).status is Status.OK


def test_the_done_marker_alone_makes_no_answer():
    failure = failure_of(decode(CREATED, delta("7"), b"data: [DONE]\n\n"))
    assert failure.kind is FailureKind.STREAM_CUT
    assert "[DONE]" in failure.message


def test_the_done_marker_after_the_terminal_event_is_no_event():
    with_marker, without = decode(answer_stream() + b"data: [DONE]\n\n"), decode(answer_stream())
    assert with_marker == without


def test_what_the_transport_says_is_the_failure_of_a_cut_stream():
    timeout = Failure(kind=FailureKind.TIMEOUT, message="idle", clock=Clock.IDLE)
    decoded = decode(CREATED, delta("The"), failure=timeout)
    assert decoded.failure is not None and decoded.failure.body_excerpt == (CREATED + delta("The")).decode()
    assert replace(decoded.failure, body_excerpt=None) == replace(timeout, http_status=200)
    assert decoded.partial_text == "The"


def test_an_answer_that_was_complete_stands_though_the_connection_broke():
    decoded = decode(answer_stream(), failure=Failure(kind=FailureKind.STREAM_CUT, message="reset"))
    assert (decoded.status, decoded.failure) == (Status.OK, None)
    assert decoded.anomalies == (Anomaly.CUT_AFTER_END,)


@pytest.mark.parametrize(
    "event",
    [
        sse("error", code="server_error", message="boom", param=None),
        sse("error", error={"type": "server_error", "code": "server_error", "message": "boom", "param": None}),
        data_only(error={"code": "server_error", "message": "boom"}),
        b'event: error\ndata: {"code": "server_error", "message": "boom"}\n\n',
    ],
    ids=["flat", "nested", "no type", "type in the event line"],
)
@pytest.mark.parametrize("then", [b"", sse("response.failed", response=response(status="failed", usage=usage()))])
def test_an_error_event_is_the_server_s_failure_in_each_of_its_shapes(event: bytes, then: bytes):
    decoded = decode(CREATED, delta("The"), event, then)
    failure = failure_of(decoded)
    assert (failure.kind, failure.message, failure.code) == (FailureKind.SERVER, "boom", "server_error")
    assert (failure.http_status, decoded.partial_text) == (200, "The")
    assert (decoded.usage is not None) == bool(then)
    assert decoded.answer.response_id == "resp_1"


def test_a_failed_response_gives_its_reason_and_what_it_cost():
    final = response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}, usage=usage())
    decoded = decode(CREATED, sse("response.failed", response=final))
    assert failure_of(decoded).kind is FailureKind.RATE_LIMIT
    assert decoded.usage is not None


def test_what_a_failed_response_holds_is_no_answer():
    final = response(text_message("The ans"), status="failed", error={"message": "boom"})
    decoded = decode(CREATED, delta("The ans"), sse("response.failed", response=final))
    assert (decoded.answer.text, decoded.answer.items, decoded.partial_text) == ("", (), "The ans")
    assert decoded.answer.model_reported == "gpt-5.4-mini-2026-03-01"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("insufficient_quota", FailureKind.QUOTA),
        ("invalid_prompt", FailureKind.REQUEST),
        ("vector_store_timeout", FailureKind.SERVER),
        (None, FailureKind.SERVER),
    ],
)
def test_the_class_of_a_failed_response(code: str | None, kind: FailureKind):
    final = response(status="failed", error={"code": code, "message": "m"}, usage=None)
    assert failure_of(decode(CREATED, sse("response.failed", response=final))).kind is kind


def test_an_error_event_after_the_end_changes_nothing():
    decoded = decode(answer_stream() + sse("error", message="late"))
    assert decoded.status is Status.OK
    assert decoded.anomalies == (Anomaly.EVENT_AFTER_END,)


# ---------------------------------------------------------------- oddities


def test_the_final_object_wins_over_deltas_that_differ():
    decoded = decode(CREATED, delta("5"), completed(text_message("7")))
    assert (decoded.answer.text, decoded.anomalies) == ("7", (Anomaly.DELTAS_DIFFER,))


def test_tool_arguments_that_differ_from_their_deltas_are_noted():
    call = {"type": "function_call", "name": "add", "arguments": "{}", "call_id": "c"}
    decoded = decode(CREATED, delta('{"a"', "function_call_arguments"), completed(call))
    assert decoded.answer.tool_calls[0].arguments == "{}"
    assert decoded.anomalies == (Anomaly.DELTAS_DIFFER,)


def test_an_empty_final_object_takes_the_items_finished_before_it():
    items = [text_message("B"), {"type": "function_call", "name": "add", "arguments": "{}", "call_id": "c"}]
    decoded = decode(
        CREATED,
        delta("B"),
        sse("response.output_item.done", output_index=1, item=items[1]),
        sse("response.output_item.done", output_index=0, item=items[0]),
        completed(),
    )
    assert list(decoded.answer.items) == items
    assert decoded.answer.text == "B"
    assert decoded.anomalies == (Anomaly.FINAL_EMPTY,)


def test_an_empty_final_object_without_items_takes_the_deltas():
    decoded = decode(CREATED, delta("4"), delta("2"), sse("response.completed", response={"status": "completed"}))
    assert (decoded.status, decoded.answer.text, decoded.answer.response_id) == (Status.OK, "42", "resp_1")
    assert decoded.anomalies == (Anomaly.FINAL_EMPTY, Anomaly.USAGE_MISSING)


def test_an_answer_that_really_is_empty_is_not_odd():
    decoded = decode(CREATED, completed())
    assert (decoded.status, decoded.answer.text, decoded.anomalies) == (Status.OK, "", ())


def test_output_without_deltas_has_the_time_of_its_first_finished_part():
    decoded = decode(
        CREATED,
        sse("response.output_text.done", text="7", **PLACE),
        sse("response.output_item.done", output_index=0, item=text_message("7")),
        completed(text_message("7")),
    )
    stamps = decoded.stamps
    assert (stamps.first_output_ns, stamps.last_output_ns, stamps.done_ns) == (20, 20, 40)
    assert (decoded.n_deltas, list(stamps.deltas_ns)) == (0, [])
    assert decoded.anomalies == (Anomaly.NO_DELTAS,)


def test_output_in_the_terminal_event_alone_has_its_time():
    decoded = decode(CREATED, completed(text_message("7")))
    assert decoded.stamps.first_output_ns == 20
    assert decoded.anomalies == (Anomaly.NO_DELTAS,)


def test_unknown_events_are_counted_by_name_and_ignored():
    decoded = decode(
        CREATED,
        sse("response.telepathy.delta", delta="x"),
        sse("response.telepathy.delta", delta="y"),
        data_only(hello=1),
        b"data: 12\n\n",
        answer_stream("7"),
    )
    assert decoded.status is Status.OK
    assert decoded.unknown_events == {"response.telepathy.delta": 2, "(no type)": 1, "(no object)": 1}


def test_an_unknown_event_with_an_error_of_its_own_is_not_the_end():
    decoded = decode(CREATED, sse("response.dream.failed", error={"message": "x"}), completed(text_message("7")))
    assert (decoded.status, decoded.unknown_events) == (Status.OK, {"response.dream.failed": 1})


def test_a_service_that_invents_names_does_not_fill_the_memory():
    stream = b"".join(sse(f"made.up.{index}" + "x" * 1000) for index in range(500))
    unknown = decode(CREATED, stream, answer_stream("7")).unknown_events
    assert len(unknown) == 65
    assert unknown["(other)"] == 436
    assert max(map(len, unknown)) == 80


@pytest.mark.parametrize(("numbers", "odd"), [([0, 1, 2], ()), ([5, 6, 7], ()), ([0, 1, 1], 1), ([0, 2, 1], 1)])
def test_sequence_numbers_that_do_not_rise_by_one_are_noted(numbers: list[int], odd: Any):
    first, second, last = numbers
    decoded = decode(
        sse("response.created", response=response(status="in_progress"), sequence_number=first),
        sse("response.output_text.delta", delta="7", sequence_number=second, **PLACE),
        sse("response.completed", response=response(text_message("7")), sequence_number=last),
    )
    assert decoded.status is Status.OK
    assert decoded.anomalies == ((Anomaly.SEQUENCE,) if odd else ())


def test_a_status_that_contradicts_its_event_wins_and_is_noted():
    final = response(text_message("The"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    decoded = decode(CREATED, delta("The"), sse("response.completed", response=final))
    assert decoded.status is Status.INCOMPLETE
    assert decoded.anomalies == (Anomaly.STATUS_DIFFERS,)


def test_missing_usage_is_noted_and_the_answer_stands():
    decoded = decode(answer_stream(usage=None))
    assert (decoded.status, decoded.usage, decoded.anomalies) == (Status.OK, None, (Anomaly.USAGE_MISSING,))


# ---------------------------------------------------------------- what is no stream of this protocol


@pytest.mark.parametrize(
    "bad",
    [
        b'data: {"type": "response.output_text.delta", "del\n\n',
        b'data: {"delta": "\xff"}\n\n',
        b"data: " + b"[" * 99999 + b"\n\n",
    ],
    ids=["cut JSON", "bad UTF-8", "deep nesting"],
)
def test_an_event_that_is_no_json_is_a_protocol_failure_with_the_bytes(bad: bytes):
    decoded = decode(CREATED, delta("The"), bad, answer_stream())
    failure = failure_of(decoded)
    assert failure.kind is FailureKind.PROTOCOL
    assert failure.message.startswith("an event is no JSON: ")
    assert failure.body_excerpt is not None
    assert failure.body_excerpt.startswith("event: response.created")
    assert "\ufffd" not in failure.body_excerpt
    assert decoded.partial_text == "The"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!doctype html><html>login</html>", "the service answered with an HTML page: check base_url"),
        (b"<?xml version='1.0'?>", "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"Hello, this is plain text.", "the body is neither JSON nor an event stream: check base_url"),
        (b"", "the body is empty"),
        (
            b'{"object": "list", "data": []}',
            "the body is JSON but no answer of this protocol: check base_url and protocol",
        ),
        (b'{"error": {"message": "no such key"}}', "an error object with HTTP 200: no such key"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_200_that_is_no_answer_is_a_protocol_failure(body: bytes, message: str, stream: bool):
    decoded = decode(body, stream=stream, headers={"content-type": "text/html"})
    failure = failure_of(decoded)
    assert (failure.kind, failure.message, failure.http_status) == (FailureKind.PROTOCOL, message, 200)


def test_an_empty_event_stream_is_cut():
    assert failure_of(decode()).kind is FailureKind.STREAM_CUT
    assert failure_of(decode(b": ping\n\n")).kind is FailureKind.STREAM_CUT


def test_text_over_the_limit_is_too_large():
    limits = Limits(max_output_bytes=10)
    assert failure_of(decode(answer_stream("12345678901"), limits=limits)).kind is FailureKind.TOO_LARGE
    assert decode(answer_stream("1234567890"), limits=limits).status is Status.OK
    # Ten characters of two bytes each, in the final object alone.
    wide = decode(CREATED, completed(text_message("ééééééééé" + "é")), limits=limits)
    assert failure_of(wide).kind is FailureKind.TOO_LARGE
    thought = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "12345678901"}]}
    assert failure_of(decode(CREATED, completed(thought), limits=limits)).kind is FailureKind.TOO_LARGE


def test_an_event_without_end_is_too_large():
    decoded = decode(*[b"data: " + b"x" * 2**20] * 70, limits=Limits(max_output_bytes=2**20))
    assert failure_of(decoded).kind is FailureKind.TOO_LARGE


def test_an_event_that_says_failed_makes_no_answer_whatever_its_response_says():
    stream = sse("response.failed", response=response(text_message("7"), status="completed"))
    decoded = decode(stream)
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.answer.text) == (FailureKind.SERVER, "")
    assert Anomaly.STATUS_DIFFERS in decoded.anomalies
