"""Codes and words are those of public reports about the real service (see the module's sources)."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.simulator.ask import from_responses
from evalharness.simulator.exchange import RejectedError
from evalharness.simulator.profile import load_profile
from evalharness.simulator.validation import check_chat, check_context, check_responses, parse_body

PROFILE = load_profile("default")
ASKED = {"model": "sim-mini", "input": "3 + 4?"}
CHAT = {"model": "sim-mini", "messages": [{"role": "user", "content": "3 + 4?"}]}


def test_an_unsupported_effort_is_refused_in_the_words_of_the_service() -> None:
    with pytest.raises(RejectedError) as refused:
        check_responses(ASKED | {"reasoning": {"effort": "minimal"}}, PROFILE)
    assert refused.value.status == 400
    assert refused.value.body == {
        "error": {
            "message": "Unsupported value: 'minimal' is not supported with the 'sim-mini' model. "
            "Supported values are: 'none', 'low', 'medium', 'high', and 'xhigh'.",
            "type": "invalid_request_error",
            "param": "reasoning.effort",
            "code": "unsupported_value",
        }
    }


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"max_output_tokens": 15}, 400, "integer_below_min_value", "max_output_tokens"),
        ({"max_output_tokens": "16"}, 400, "invalid_type", "max_output_tokens"),
        ({"max_output_tokens": True}, 400, "invalid_type", "max_output_tokens"),
        ({"max_tokens": 16}, 400, "unknown_parameter", "max_tokens"),
        ({"reasoning": {"max_tokens": 3}}, 400, "unknown_parameter", "reasoning.max_tokens"),
        ({"reasoning": "high"}, 400, "invalid_type", "reasoning"),
        ({"reasoning": {"summary": "long"}}, 400, "invalid_value", "reasoning.summary"),
        ({"text": {"verbosity": "huge"}}, 400, "invalid_value", "text.verbosity"),
        ({"text": {"format": "json"}}, 400, "invalid_type", "text.format"),
        ({"text": {"format": {"type": "json_schema"}}}, 400, "missing_required_parameter", "text.format.name"),
        ({"temperature": 2.5}, 400, "decimal_above_max_value", "temperature"),
        ({"top_p": -0.1}, 400, "decimal_below_min_value", "top_p"),
        ({"include": ["everything"]}, 400, "invalid_value", "include[0]"),
        ({"tools": [{"type": "function"}]}, 400, "missing_required_parameter", "tools[0].name"),
        ({"input": []}, 400, "empty_array", "input"),
        ({"input": ["text"]}, 400, "invalid_type", "input[0]"),
        ({"input": [{"role": "robot", "content": ""}]}, 400, "invalid_value", "input[0].role"),
        ({"input": None}, 400, "missing_required_parameter", "input"),
        ({"model": "gpt-5.4-mini"}, 404, "model_not_found", None),
        (
            {"previous_response_id": "a", "conversation": "b"},
            400,
            "mutually_exclusive_parameters",
            "previous_response_id",
        ),
    ],
)
def test_wrong_requests_are_refused(change: dict[str, Any], status: int, code: str, param: str | None) -> None:
    with pytest.raises(RejectedError) as refused:
        check_responses(ASKED | change, PROFILE)
    assert (refused.value.status, refused.value.code, refused.value.param) == (status, code, param)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reasoning_effort": "minimal"}, "unsupported_value"),
        ({"max_completion_tokens": 0}, "integer_below_min_value"),
        ({"reasoning": {"effort": "low"}}, "unknown_parameter"),
        ({"messages": None}, "missing_required_parameter"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "missing_required_parameter"),
        ({"tools": [{"type": "function", "name": "flat"}]}, "missing_required_parameter"),
    ],
)
def test_wrong_chat_requests_are_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        check_chat(CHAT | change, PROFILE)
    assert refused.value.code == code


def test_everything_a_request_may_hold_is_accepted() -> None:
    check_chat(CHAT | {"reasoning_effort": "high", "stream": True, "stream_options": {"include_usage": True}}, PROFILE)
    check_responses(
        ASKED
        | {
            "instructions": "Be brief.",
            "reasoning": {"effort": "xhigh", "summary": "auto"},
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}},
            "max_output_tokens": 16,
            "temperature": 1,
            "top_p": 0.5,
            "store": False,
            "stream": True,
            "stream_options": {"include_obfuscation": False},
            "metadata": {"a": "b"},
            "service_tier": "flex",
            "include": ["reasoning.encrypted_content"],
            "truncation": "auto",
            "tools": [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": None}],
            "tool_choice": "auto",
            "parallel_tool_calls": None,
        },
        PROFILE,
    )


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RejectedError, match="could not parse the JSON body"):
        parse_body(raw)


def test_an_input_over_the_context_window_is_refused_unless_it_may_be_truncated() -> None:
    long = ASKED | {"input": "word " * 400_001}
    with pytest.raises(RejectedError) as refused:
        check_context(from_responses(long), PROFILE)
    assert refused.value.code == "context_length_exceeded"
    check_context(from_responses(long | {"truncation": "auto"}), PROFILE)
