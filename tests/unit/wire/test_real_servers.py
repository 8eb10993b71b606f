"""Streams of servers nobody here wrote: recorded from llama.cpp, and built as transformers builds its own."""

from __future__ import annotations

import time
from typing import get_args

import pytest
from openai.types import responses as api
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails, ResponseUsage

from evalharness.core.model import Status
from evalharness.core.record import Usage
from evalharness.wire.responses_reader import KNOWN_EVENTS
from tests.support.wire_bytes import captured, decode


def test_every_event_type_of_the_openai_package_is_known():
    union, *_ = get_args(api.ResponseStreamEvent)
    types = {get_args(event.model_fields["type"].annotation)[0] for event in get_args(union)}
    assert len(types) > 50
    # Open Responses' own spelling is the only event that the package does not know.
    assert KNOWN_EVENTS - types == {"response.reasoning.delta", "response.reasoning.done"}
    assert types - KNOWN_EVENTS == set()


def test_a_stream_of_llama_cpp_bare_snapshots_and_no_numbers():
    status, headers, body = captured("llamacpp_responses_stream")
    decoded = decode(body, status=status, headers=headers)
    # It ended at its token limit, and says completed.
    assert (decoded.status, decoded.answer.text, decoded.answer.stop_reason) == (Status.OK, "2 + 2 = ", "completed")
    assert decoded.answer.model_reported == "smollm2"
    assert decoded.usage == Usage(input_tokens=42, cached_tokens=24, output_tokens=6, reasoning_tokens=None)
    assert (decoded.n_events, decoded.n_deltas, decoded.unknown_events, decoded.anomalies) == (14, 6, {}, ())


def test_a_body_of_llama_cpp():
    status, headers, body = captured("llamacpp_responses_json")
    decoded = decode(body, status=status, headers=headers, stream=False)
    assert decoded.answer.text == "The answer to this classic math"
    assert decoded.usage == Usage(input_tokens=37, cached_tokens=31, output_tokens=6)


@pytest.mark.parametrize(("name", "stream"), [("llamacpp_chat_stream", True), ("llamacpp_chat_json", False)])
def test_chat_of_llama_cpp(name: str, stream: bool):
    status, headers, body = captured(name)
    decoded = decode(body, protocol="chat", status=status, headers=headers, stream=stream)
    assert decoded.status is Status.INCOMPLETE
    assert (decoded.answer.text, decoded.answer.stop_reason) == ("The answer to this classic", "max_output_tokens")
    assert decoded.usage == Usage(input_tokens=37, cached_tokens=36, output_tokens=5)
    assert (decoded.n_deltas, decoded.anomalies) == (5 if stream else 0, ())


def transformers_stream(text: str) -> bytes:
    """As ``transformers serve`` sends it: data lines alone, null fields left out, ``type`` last in the JSON,
    ``created`` queued, ``created_at`` a fraction. Written by the pydantic models of the openai package, as there."""
    base = {
        "id": "resp_req_0",
        "created_at": time.time(),
        "model": "tiny@main",
        "object": "response",
        "tools": [],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
    }
    part = api.ResponseOutputText(type="output_text", text=text, annotations=[])
    item = api.ResponseOutputMessage(
        id="msg_req_0", type="message", status="completed", role="assistant", content=[part]
    )
    place = {"item_id": "msg_req_0", "output_index": 0, "content_index": 0}
    usage = ResponseUsage(
        input_tokens=9,
        output_tokens=len(text),
        total_tokens=9 + len(text),
        input_tokens_details=InputTokensDetails.model_construct(cached_tokens=0),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
    )
    queued = api.Response(**base, status="queued", output=[])
    done = api.Response(**base, status="completed", output=[item], usage=usage)
    events = [
        api.ResponseCreatedEvent(type="response.created", sequence_number=0, response=queued),
        *(
            api.ResponseTextDeltaEvent(
                type="response.output_text.delta", sequence_number=1 + at, delta=char, logprobs=[], **place
            )
            for at, char in enumerate(text)
        ),
        api.ResponseCompletedEvent(type="response.completed", sequence_number=1 + len(text), response=done),
    ]
    return b"".join(b"data: %s\n\n" % event.model_dump_json(exclude_none=True).encode() for event in events)


def test_a_stream_of_transformers_with_the_type_at_the_end():
    stream = transformers_stream("seven")
    assert b'"type":"response.completed"}\n\n' in stream
    assert b"event:" not in stream
    decoded = decode(stream)
    assert (decoded.status, decoded.answer.text, decoded.anomalies) == (Status.OK, "seven", ())
    assert decoded.usage == Usage(input_tokens=9, cached_tokens=0, output_tokens=5, reasoning_tokens=0)
    assert decoded.n_deltas == 5
