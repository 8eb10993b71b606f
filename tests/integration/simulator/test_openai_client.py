"""The official client reads the simulator. It does not validate what it reads, so every event is validated here with
the client's own types in strict mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.support.servers import SimulatorProcess, simulator

EVENT = TypeAdapter[Any](ResponseStreamEvent)
QUESTION = "Sara has 50 dollars. She buys 3 books at 12 dollars each. How much money is left?"
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "reasoning": {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]},
    "structured": {"text": {"format": {"type": "json_schema", "name": "sum", "schema": SCHEMA, "strict": True}}},
    "json": {"text": {"format": {"type": "json_object"}, "verbosity": "high"}},
    "tool": {"input": "How is the weather in Oslo?", "tools": [WEATHER]},
    "refusal": {"input": "How do I build a bomb?"},
    "cut": {"max_output_tokens": 16, "text": {"verbosity": "high"}},
    "thought only": {"max_output_tokens": 16, "reasoning": {"effort": "xhigh"}},
    "echoed": {
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "store": False,
        "instructions": "Be brief.",
        "top_p": 0.5,
    },
    "items": {"input": [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]},
}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorProcess]:
    with simulator(arguments=["--api-key", "sk-test"]) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: SimulatorProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-test", max_retries=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def open_responses() -> Iterator[openai.OpenAI]:
    with (
        simulator(profile="open-responses") as running,
        openai.OpenAI(base_url=running.base_url, api_key="k", max_retries=0) as opened,
    ):
        yield opened


def ask(change: dict[str, Any]) -> dict[str, Any]:
    return {"model": "sim-mini", "input": QUESTION} | change


@pytest.mark.parametrize("name", REQUESTS)
def test_every_event_fits_the_types_of_the_client(client: openai.OpenAI, name: str) -> None:
    events = list(client.responses.create(**ask(REQUESTS[name]), stream=True))
    for event in events:
        EVENT.validate_python(event.to_dict(mode="python"), strict=True)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type in ("response.completed", "response.incomplete")


@pytest.mark.parametrize("name", REQUESTS)
def test_an_answer_without_streaming_fits_and_says_the_same(client: openai.OpenAI, name: str) -> None:
    headers = {"X-Client-Request-Id": f"run.{name.replace(' ', '-')}.0"}
    whole = client.responses.create(**ask(REQUESTS[name]), extra_headers=headers)
    Response.model_validate(whole.to_dict(mode="python"), strict=True)
    events = list(client.responses.create(**ask(REQUESTS[name]), extra_headers=headers, stream=True))
    streamed = events[-1].response  # type: ignore[union-attr]
    assert (whole.output_text, whole.usage, whole.status) == (streamed.output_text, streamed.usage, streamed.status)


def test_the_dialect_with_done_is_read_too(open_responses: openai.OpenAI) -> None:
    events = list(open_responses.responses.create(**ask({}), stream=True))
    assert events[-1].type == "response.completed"


def test_the_stream_helper_puts_the_answer_together(client: openai.OpenAI) -> None:
    with client.responses.stream(**ask(REQUESTS["reasoning"])) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert final.output_text == deltas
    assert final.reasoning is not None and final.reasoning.effort == "high"
    assert [item.type for item in final.output] == ["reasoning", "message"]


def test_a_stored_response_can_be_read_continued_and_deleted(client: openai.OpenAI) -> None:
    first = client.responses.create(**ask({}))
    assert client.responses.retrieve(first.id).output_text == first.output_text
    assert client.responses.create(**ask({"previous_response_id": first.id})).previous_response_id == first.id
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    unstored = client.responses.create(**ask({"store": False}))
    with pytest.raises(openai.BadRequestError, match="not found"):
        client.responses.create(**ask({"previous_response_id": unstored.id}))


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["sim-large", "sim-mini"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"reasoning_effort": "high"},
        {"max_completion_tokens": 3},
        {"tools": [{"type": "function", "function": {"name": "calc"}}], "tool_choice": "required"},
        {"messages": [{"role": "user", "content": "How do I build a bomb?"}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "sum", "schema": SCHEMA}}},
    ],
)
def test_chat_fits_the_types_of_the_client_both_ways(client: openai.OpenAI, change: dict[str, Any]) -> None:
    body: Any = {"model": "sim-mini", "messages": [{"role": "user", "content": QUESTION}]} | change
    headers = {"X-Client-Request-Id": "run.chat.0"}
    whole = client.chat.completions.create(**body, extra_headers=headers)
    ChatCompletion.model_validate(whole.to_dict(mode="python"), strict=True)
    chunks = list(
        client.chat.completions.create(
            **body, stream=True, stream_options={"include_usage": True}, extra_headers=headers
        )
    )
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk.to_dict(mode="python"), strict=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == (whole.choices[0].message.content or "")
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("rate_limit;retry_after=1", openai.RateLimitError, "rate_limit_exceeded"),
        ("quota", openai.RateLimitError, "insufficient_quota"),
        ("status;code=500", openai.InternalServerError, "server_error"),
        ("status;code=503;body=html", openai.InternalServerError, None),
        ("status;code=502;body=empty", openai.InternalServerError, None),
        ("reset", openai.APIConnectionError, None),
    ],
)
def test_failures_map_to_the_errors_of_the_client(
    client: openai.OpenAI, fault: str, kind: Any, code: str | None
) -> None:
    with pytest.raises(kind) as raised:
        client.responses.create(**ask({}), extra_headers={"X-Sim-Fault": fault})
    assert getattr(raised.value, "code", None) == code


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"reasoning": {"effort": "minimal"}}, openai.BadRequestError, "unsupported_value"),
        ({"max_output_tokens": 15}, openai.BadRequestError, "integer_below_min_value"),
        ({"model": "gpt-5.4-mini"}, openai.NotFoundError, "model_not_found"),
        ({"extra_body": {"surprise": 1}}, openai.BadRequestError, "unknown_parameter"),
    ],
)
def test_refusals_map_to_the_errors_of_the_client(
    client: openai.OpenAI, change: dict[str, Any], kind: Any, code: str
) -> None:
    with pytest.raises(kind) as raised:
        client.responses.create(**ask(change))
    assert raised.value.code == code
    assert raised.value.request_id.startswith("req_")


def test_a_wrong_key_is_refused(server: SimulatorProcess) -> None:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-wrong", max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError) as raised:
            wrong.responses.create(**ask({}))
        assert raised.value.code == "invalid_api_key"


def test_the_retry_of_the_client_meets_a_service_that_has_recovered(server: SimulatorProcess) -> None:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-test", max_retries=1) as retrying:
        answer = retrying.responses.create(
            **ask({}),
            extra_headers={"X-Sim-Fault": "rate_limit;retry_after_ms=1", "X-Client-Request-Id": "run.retried.0"},
        )
    assert answer.status == "completed"


@pytest.mark.parametrize("fault", ["unknown", "duplicate", "bom", "newline", "bytewise", "together", "gzip"])
def test_the_client_reads_through_what_changes_no_content(client: openai.OpenAI, fault: str) -> None:
    events = list(client.responses.create(**ask({}), stream=True, extra_headers={"X-Sim-Fault": fault}))
    assert events[-1].type == "response.completed"


def test_an_error_event_is_raised_by_the_client(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError):
        list(client.responses.create(**ask({}), stream=True, extra_headers={"X-Sim-Fault": "error;shape=nested"}))
