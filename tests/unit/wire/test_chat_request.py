"""The table of ``chat_request``, checked against bodies the published chat API description gives as examples, and
against the parameter types of the openai package."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import ConfigDict, TypeAdapter, with_config

from evalharness.wire.chat import Codec
from evalharness.wire.chat_request import SAME

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
FUNCTION = {"name": "get_weather", "description": "d", "parameters": SCHEMA, "strict": True}


def body(request: dict[str, Any] | None = None, input: Any = "hi") -> dict[str, Any]:
    return dict(Codec().encode(model="m", input=input, request=request or {}).body)


def test_a_plain_question():
    wire = Codec().encode(model="m", input="hi", request={})
    assert wire.path == "/chat/completions"
    assert wire.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_without_streaming_there_are_no_stream_options():
    assert body({"stream": False}) == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"max_output_tokens": 64}, {"max_completion_tokens": 64}),
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"reasoning": None}, {}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"temperature": 0.2, "store": False}, {"temperature": 0.2, "store": False}),
        ({"tools": [{"type": "function", **FUNCTION}]}, {"tools": [{"type": "function", "function": FUNCTION}]}),
        (
            {
                "tools": [
                    {
                        "type": "custom",
                        "name": "c",
                        "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"},
                    }
                ]
            },
            {
                "tools": [
                    {
                        "type": "custom",
                        "custom": {
                            "name": "c",
                            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}},
                        },
                    }
                ]
            },
        ),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "function", "name": "get_weather"}},
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        ),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "get_weather"}],
                }
            },
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "get_weather"}}],
                    },
                }
            },
        ),
    ],
)
def test_a_field_and_its_counterpart(request_: dict[str, Any], expected: dict[str, Any]):
    assert body(request_) == {**body(), **expected}


def test_instructions_come_first_and_stream_options_are_kept():
    made = body({"instructions": "Be brief.", "stream_options": {"include_obfuscation": False}})
    assert made["messages"][0] == {"role": "system", "content": "Be brief."}
    assert made["stream_options"] == {"include_usage": True, "include_obfuscation": False}


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ({"previous_response_id": "r"}, "previous_response_id"),
        ({"truncation": "auto"}, "truncation"),
        ({"include": ["reasoning.encrypted_content"]}, "include"),
        ({"background": True}, "background"),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, "reasoning.summary"),
        ({"text": {"unknown": 1}}, "text.unknown"),
        ({"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}, "tools[1] of type 'web_search'"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice of type 'file_search'"),
        ({"seed": 1}, "seed"),
        ({"reasoning": "low"}, "reasoning"),
    ],
)
def test_a_field_without_a_counterpart_is_refused_by_name_and_never_dropped(request_: dict[str, Any], place: str):
    assert [problem.rsplit(":", 1)[0] for problem in Codec().problems(request_)] == [place]
    with pytest.raises(ValueError, match=place.split("[")[0]):
        body(request_)


def test_all_problems_are_told_at_once():
    assert len(Codec().problems({"truncation": "auto", "include": []}, [{"type": "item_reference", "id": "x"}])) == 3


# ---------------------------------------------------------------- input items


def test_items_become_messages():
    items = [
        {"role": "developer", "content": "You check your work."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
                {"type": "input_file", "file_data": "data:;base64,AA==", "filename": "a.pdf"},
            ],
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "A dot.", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "ls"},
        {"type": "function_call_output", "call_id": "c1", "output": "21"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "a.txt"}]},
        {"type": "function_call", "call_id": "c3", "name": "f", "arguments": "{}"},
    ]
    assert body(input=items)["messages"] == [
        {"role": "developer", "content": "You check your work."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                {"type": "file", "file": {"file_data": "data:;base64,AA==", "filename": "a.pdf"}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "A dot."}],
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "ls"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "21"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "a.txt"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c3", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    ]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"type": "reasoning", "summary": []}, "input[0] of type 'reasoning'"),
        ({"role": "robot", "content": "x"}, "input[0].role"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}, "input[0].content[0]"),
        ({"role": "user", "content": None}, "input[0].content"),
        ({"type": "function_call_output", "output": [{"type": "input_image", "image_url": "u"}]}, "input[0].output"),
        ("text", "input[0]"),
    ],
)
def test_an_item_without_a_counterpart_is_refused_with_its_place(item: Any, place: str):
    (problem,) = Codec().problems({}, [item])
    assert problem.startswith(place)


# ---------------------------------------------------------------- against the openai package


def test_a_translated_body_satisfies_the_openai_package_s_own_types():
    made = body(
        {
            "instructions": "Be brief.",
            "max_output_tokens": 64,
            "reasoning": {"effort": "xhigh"},
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
            "tools": [{"type": "function", **FUNCTION}],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            "stream_options": {"include_obfuscation": False},
            "top_logprobs": 2,
            "service_tier": "flex",
        },
        input=[
            {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "21"},
        ],
    )
    strict = with_config(ConfigDict(extra="forbid"))(CompletionCreateParamsStreaming)
    checked = TypeAdapter(strict).validate_python(made)
    # Lists in these types are checked when they are walked through.
    messages = list(checked["messages"])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool"]
    assert [call["id"] for call in messages[2]["tool_calls"]] == ["c1"]
    assert len(list(checked["tools"])) == 1


def test_names_said_to_be_the_same_are_parameters_of_both():
    chat = CompletionCreateParamsStreaming.__required_keys__ | CompletionCreateParamsStreaming.__optional_keys__
    responses = ResponseCreateParamsBase.__required_keys__ | ResponseCreateParamsBase.__optional_keys__
    assert chat & responses >= SAME
