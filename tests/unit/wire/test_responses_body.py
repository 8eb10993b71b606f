"""Bodies that are not streamed, asked for or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Limits, Status
from evalharness.wire.anomalies import Anomaly
from tests.support.wire_bytes import answer_stream, decode, response, text_message

JSON = {"content-type": "application/json"}


def body(*output: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps(response(*output, **fields)).encode()


def test_a_whole_body_is_an_answer_whose_only_time_is_its_end():
    raw = body(text_message("7"))
    decoded = decode(raw[:30], raw[30:], stream=False, headers=JSON)
    assert (decoded.status, decoded.answer.text, decoded.anomalies) == (Status.OK, "7", ())
    stamps = decoded.stamps
    assert stamps.done_ns == 20
    assert (stamps.first_event_ns, stamps.first_output_ns, stamps.last_output_ns) == (None, None, None)
    assert (decoded.n_events, decoded.n_deltas, decoded.n_reads) == (0, 0, 0)


def test_a_body_where_a_stream_was_asked_for_is_read_and_noted():
    decoded = decode(body(text_message("7")), stream=True, headers=JSON)
    assert (decoded.answer.text, decoded.anomalies) == ("7", (Anomaly.NOT_STREAMED,))


@pytest.mark.parametrize("headers", [JSON, {}, {"content-type": "text/plain"}])
def test_a_stream_where_a_body_was_asked_for_is_read_and_noted(headers: dict[str, str]):
    decoded = decode(answer_stream("7"), stream=False, headers=headers)
    assert (decoded.answer.text, decoded.anomalies) == ("7", (Anomaly.STREAMED_UNASKED,))


@pytest.mark.parametrize("content_type", ["text/event-stream", "text/html", "application/octet-stream"])
def test_the_first_byte_decides_and_not_the_content_type(content_type: str):
    headers = {"content-type": content_type}
    assert decode(b"\xef\xbb\xbf\n " + body(text_message("7")), stream=False, headers=headers).answer.text == "7"
    assert decode(body(text_message("7")) + b"\r\n ", stream=False, headers=headers).answer.text == "7"
    assert decode(body(text_message("7")) + b"\xef\xbb\xbf", stream=False, headers=headers).failure is not None
    assert decode(b"\r\n" + answer_stream("7"), headers=headers).answer.text == "7"


def test_bodies_that_ended_otherwise():
    incomplete = body(text_message("T"), status="incomplete", incomplete_details={"reason": "content_filter"})
    decoded = decode(incomplete, stream=False)
    assert (decoded.status, decoded.answer.stop_reason) == (Status.INCOMPLETE, "content_filter")

    failed = decode(body(status="failed", error={"code": "server_error", "message": "boom"}), stream=False)
    assert failed.failure is not None
    assert (failed.failure.kind, failed.failure.message) == (FailureKind.SERVER, "boom")

    cancelled = decode(body(status="cancelled"), stream=False)
    assert cancelled.failure is not None
    assert cancelled.failure.kind is FailureKind.CANCELLED

    queued = decode(body(status="queued"), stream=False)
    assert queued.failure is not None
    assert (queued.failure.kind, "'queued'" in queued.failure.message) == (FailureKind.PROTOCOL, True)


def test_a_body_without_a_status_counts_as_completed_and_is_noted():
    raw = json.dumps({"output": [{"role": "assistant", "content": "7"}]}).encode()
    decoded = decode(raw, stream=False)
    assert (decoded.status, decoded.answer.text) == (Status.OK, "7")
    assert decoded.anomalies == (Anomaly.NO_STATUS, Anomaly.USAGE_MISSING)


def test_a_cut_body_has_the_failure_of_the_transport():
    cut = Failure(kind=FailureKind.STREAM_CUT, message="reset")
    decoded = decode(body(text_message("7"))[:-5], stream=False, failure=cut)
    assert decoded.failure is not None
    assert decoded.failure.kind is FailureKind.STREAM_CUT


def test_a_body_over_the_limit_is_too_large():
    for limit in (Limits(max_output_bytes=3), Limits(max_output_bytes=400_000)):
        decoded = decode(body(text_message("x" * 1_200_000)), stream=False, limits=limit)
        assert decoded.failure is not None
        assert decoded.failure.kind is FailureKind.TOO_LARGE
