"""What every protocol of ``wire/`` keeps to, whoever wrote it."""

from __future__ import annotations

import json

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.ports import Activity, ResponseHead
from evalharness.wire import codec, names
from tests.support.wire_bytes import captured

EVERY = pytest.mark.parametrize("name", names())


@EVERY
@pytest.mark.parametrize("stream", [True, False])
def test_a_plain_question_is_a_json_body_with_the_model_and_the_wish_to_stream(name: str, stream: bool):
    wire = codec(name).encode(model="m", input="hi \ud800", request={} if stream else {"stream": False})
    assert wire.stream is stream
    assert wire.path.startswith("/")
    body = json.loads(json.dumps(wire.body))
    assert (body["model"], body["stream"]) == ("m", stream)


@EVERY
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [b"", b"\x00", b"null", b"{}", b"data: null\n\n", b"<html>", b"data: [DONE]\n\n"])
def test_only_an_answer_is_an_answer(name: str, stream: bool, body: bytes):
    decoder = codec(name).decoder(head=ResponseHead(status=200, headers={}), stream=stream)
    decoder.feed(1, body)
    decoded = decoder.finish(None)
    assert decoded.status is Status.ERROR
    assert decoded.failure is not None
    assert decoded.failure.kind in (FailureKind.PROTOCOL, FailureKind.STREAM_CUT)
    assert (decoded.failure.http_status, decoded.stamps.done_ns) == (200, None)


@EVERY
@pytest.mark.parametrize("size", [1, 40, 10_000])
def test_reads_together_are_the_same_reads_one_by_one(name: str, size: int):
    head = ResponseHead(status=200, headers={})
    for body in (captured("llamacpp_responses_stream")[2], captured("llamacpp_chat_stream")[2], b"{}", b"<html>"):
        reads = [(10 * at, body[at : at + size]) for at in range(0, len(body), size)]
        single, together = (codec(name).decoder(head=head, stream=True) for _ in range(2))
        for at_ns, data in reads:
            single.feed(at_ns, data)
        together.feed_reads(reads)
        assert together.finish(None) == single.finish(None)


@EVERY
def test_what_the_transport_says_is_passed_on(name: str):
    failure = Failure(kind=FailureKind.TIMEOUT, message="idle", http_status=200)
    decoder = codec(name).decoder(head=ResponseHead(status=200, headers={}), stream=True)
    assert decoder.finish(failure).failure == failure


@EVERY
def test_an_http_error_is_classed_by_its_status(name: str):
    for status, kind in ((401, FailureKind.AUTH), (429, FailureKind.RATE_LIMIT), (500, FailureKind.SERVER)):
        decoder = codec(name).decoder(head=ResponseHead(status=status, headers={"retry-after": "2"}), stream=True)
        failure = decoder.finish(None).failure
        assert failure is not None
        assert (failure.kind, failure.http_status, failure.retry_after_ms) == (kind, status, 2000.0)


@EVERY
def test_a_comment_is_nothing_to_wait_for_and_data_is(name: str):
    watch = codec(name).watch(stream=True)
    assert [watch.saw(b": ping\n\n"), watch.saw(b"data: {}\n\n")] == [Activity.NOTHING, Activity.DATA]
