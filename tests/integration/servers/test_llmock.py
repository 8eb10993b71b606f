"""Against llmock, a mock service with scripted faults that nobody here wrote: both protocols, streamed and not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from evalharness.core.failure import Clock, FailureKind
from evalharness.core.model import Status, Timeouts
from evalharness.core.ports import Decoded
from tests.support.live import ask, taped
from tests.support.third_party import third_party

scenarios = third_party("llmock.scenarios")
testing = third_party("llmock.testing")

BOTH = pytest.mark.parametrize("protocol", ["responses", "chat"])


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with testing.LLMockServer() as server:
        yield server


@pytest.fixture
def script(running: Any) -> Any:
    """A clean queue of behaviours for the requests of one test."""
    running.state.scenarios.clear()
    return running.state.scenarios


def question(running: Any, **options: Any) -> Decoded:
    return ask(running.base_url("openai"), "What is 4 + 3?", key="sk-test-0123456789", **options)


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_and_its_usage(running: Any, script: Any, protocol: str, stream: bool):
    script.add(scenarios.Reply(text="The answer is 7, of course."))
    decoded = question(running, protocol=protocol, request={"stream": stream})
    assert (decoded.status, decoded.answer.text) == (Status.OK, "The answer is 7, of course.")
    assert decoded.answer.model_reported == "gpt-4o"
    assert decoded.usage is not None
    # llmock counts a quarter of the characters.
    assert decoded.usage.input_tokens == len("What is 4 + 3?") // 4
    assert decoded.usage.output_tokens is not None
    assert (decoded.n_deltas > 1) == stream
    assert (decoded.anomalies, decoded.unknown_events) == ((), {})


@BOTH
def test_a_tool_call(running: Any, script: Any, protocol: str):
    script.add(scenarios.Reply(tool_calls=(scenarios.ToolCall("get_weather", {"city": "Paris"}),)))
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
    decoded = question(running, protocol=protocol, request={"tools": [tool]})
    (call,) = decoded.answer.tool_calls
    assert (call.name, call.arguments) == ("get_weather", '{"city": "Paris"}')
    assert call.type == "function_call"
    assert decoded.stamps.first_output_ns is not None
    assert decoded.anomalies == ()


@BOTH
def test_an_answer_stopped_at_its_limit_is_incomplete(running: Any, script: Any, protocol: str):
    script.add(scenarios.Reply(text="The", finish_reason="length"))
    decoded = question(running, protocol=protocol)
    assert decoded.status is Status.INCOMPLETE
    assert decoded.answer.stop_reason == "max_output_tokens"


@BOTH
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("truncate", FailureKind.STREAM_CUT),
        ("disconnect", FailureKind.STREAM_CUT),
        ("malformed", FailureKind.PROTOCOL),
    ],
)
def test_a_broken_stream_is_never_a_short_answer(
    running: Any, script: Any, protocol: str, kind: str, expected: FailureKind
):
    script.add(scenarios.Reply(text="one two three four five six seven eight"))
    script.add(scenarios.StreamFault(kind, after_chunks=5))
    decoded = question(running, protocol=protocol)
    assert decoded.failure is not None
    assert decoded.failure.kind is expected
    assert decoded.answer.text == ""
    assert decoded.partial_text


def test_a_stream_that_stalls_runs_into_the_idle_clock(running: Any, script: Any):
    script.add(scenarios.StreamFault("stall", after_chunks=4, stall_seconds=2))
    decoded = question(running, timeouts=Timeouts(idle=300))
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.failure.clock) == (FailureKind.TIMEOUT, Clock.IDLE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.REQUEST),
        (401, FailureKind.AUTH),
        (404, FailureKind.REQUEST),
        (429, FailureKind.RATE_LIMIT),
        (500, FailureKind.SERVER),
        (503, FailureKind.SERVER),
        (529, FailureKind.SERVER),
    ],
)
def test_errors_have_their_class(running: Any, script: Any, status: int, kind: FailureKind):
    script.add(scenarios.Fail(status, message="on purpose"))
    failure = question(running).failure
    assert failure is not None
    assert (failure.kind, failure.http_status, failure.message) == (kind, status, f"HTTP {status}: on purpose")


def test_its_wait_is_read(running: Any, script: Any):
    script.add(scenarios.Fail(429, retry_after=7))
    failure = question(running).failure
    assert failure is not None
    assert failure.retry_after_ms == 7000.0


def test_a_slow_first_token_is_in_the_time_to_the_first_event(running: Any, script: Any):
    script.add(scenarios.SlowFirstToken(0.4))
    tape, decoded = taped(running.base_url("openai"), "What is 4 + 3?")
    assert decoded.stamps.first_event_ns is not None
    assert decoded.stamps.first_event_ns - tape.sent_ns >= 390_000_000
    assert tape.connection_reused is False
