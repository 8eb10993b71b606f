"""Refuses requests as the real service does: the same status, code, parameter and words.

Sources: error bodies quoted in public issue threads (``integer_below_min_value``, ``unknown_parameter``,
``unsupported_value``, ``missing_required_parameter``) and the parameter lists of the published API description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalharness.simulator.ask import Ask
from evalharness.simulator.exchange import RejectedError
from evalharness.simulator.profile import Profile

_MIN_OUTPUT_TOKENS = 16
_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}
_STRING, _BOOLEAN, _INTEGER, _NUMBER, _LIST, _OBJECT = (str,), (bool,), (int,), (int, float), (list,), (dict,)

_SHARED: dict[str, tuple[type, ...]] = {
    "model": _STRING,
    "stream": _BOOLEAN,
    "stream_options": _OBJECT,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_logprobs": _INTEGER,
    "tools": _LIST,
    "tool_choice": (str, dict),
    "parallel_tool_calls": _BOOLEAN,
    "store": _BOOLEAN,
    "metadata": _OBJECT,
    "service_tier": _STRING,
    "safety_identifier": _STRING,
    "prompt_cache_key": _STRING,
    "prompt_cache_retention": _STRING,
    "prompt_cache_options": _OBJECT,
    "moderation": _OBJECT,
    "user": _STRING,
}
_RESPONSES: Mapping[str, tuple[type, ...]] = _SHARED | {
    "input": (str, list),
    "instructions": _STRING,
    "max_output_tokens": _INTEGER,
    "max_tool_calls": _INTEGER,
    "reasoning": _OBJECT,
    "text": _OBJECT,
    "include": _LIST,
    "truncation": _STRING,
    "background": _BOOLEAN,
    "previous_response_id": _STRING,
    "conversation": (str, dict),
    "prompt": _OBJECT,
    "context_management": _LIST,
}
_CHAT: Mapping[str, tuple[type, ...]] = _SHARED | {
    "messages": _LIST,
    "max_completion_tokens": _INTEGER,
    "max_tokens": _INTEGER,
    "reasoning_effort": _STRING,
    "verbosity": _STRING,
    "response_format": _OBJECT,
    "n": _INTEGER,
    "seed": _INTEGER,
    "stop": (str, list),
    "logprobs": _BOOLEAN,
    "logit_bias": _OBJECT,
    "frequency_penalty": _NUMBER,
    "presence_penalty": _NUMBER,
    "modalities": _LIST,
    "prediction": _OBJECT,
    "web_search_options": _OBJECT,
}
_NESTED: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "reasoning": dict.fromkeys(("effort", "summary", "generate_summary", "context", "mode"), _STRING),
    "text": {"format": _OBJECT, "verbosity": _STRING},
    "stream_options": {"include_obfuscation": _BOOLEAN, "include_usage": _BOOLEAN},
    "response_format": {"type": _STRING, "json_schema": _OBJECT},
    "text.format": {"type": _STRING, "name": _STRING, "schema": _OBJECT, "strict": _BOOLEAN, "description": _STRING},
}
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "top_logprobs": (0, 20)}
_CHOICES = {
    "verbosity": ("low", "medium", "high"),
    "text.verbosity": ("low", "medium", "high"),
    "text.format.type": ("text", "json_object", "json_schema"),
    "response_format.type": ("text", "json_object", "json_schema"),
    "reasoning.summary": ("auto", "concise", "detailed"),
    "truncation": ("auto", "disabled"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "prompt_cache_retention": ("in_memory", "24h"),
}
_INCLUDABLE = (
    "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
    "message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs",
    "reasoning.encrypted_content", "message.output_text.logprobs",
)  # fmt: skip
_ROLES = ("user", "assistant", "system", "developer", "tool")


def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises ``RejectedError``."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise RejectedError(
            status=400,
            message="We could not parse the JSON body of your request. (HINT: This likely means you aren't using your "
            "HTTP library correctly. The API expects a JSON payload.)",
        )
    return body


def check_responses(body: Mapping[str, Any], profile: Profile) -> None:
    """Raises ``RejectedError`` for the first thing that is wrong with a body of ``POST /responses``."""
    _check_shape(body, _RESPONSES, ("model", "input"))
    cap = body.get("max_output_tokens")
    if cap is not None and cap < _MIN_OUTPUT_TOKENS:
        raise below("max_output_tokens", _MIN_OUTPUT_TOKENS, cap)
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        raise RejectedError(
            status=400,
            message="Mutually exclusive parameters: 'previous_response_id' and 'conversation' cannot both be provided.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    _check_effort(body["model"], (body.get("reasoning") or {}).get("effort"), "reasoning.effort", profile)
    for index, entry in enumerate(body.get("include") or ()):
        if entry not in _INCLUDABLE:
            raise invalid_value(f"include[{index}]", entry, _INCLUDABLE)
    _check_schema((body.get("text") or {}).get("format"), "text.format")
    _check_tools(body.get("tools") or (), nested=False)
    _check_items(body["input"], "input")


def check_chat(body: Mapping[str, Any], profile: Profile) -> None:
    """Raises ``RejectedError`` for the first thing that is wrong with a body of ``POST /chat/completions``."""
    _check_shape(body, _CHAT, ("model", "messages"))
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None and body[name] < 1:
            raise below(name, 1, body[name])
    _check_effort(body["model"], body.get("reasoning_effort"), "reasoning_effort", profile)
    form = body.get("response_format") or {}
    _check_schema(form and {**(form.get("json_schema") or {}), "type": form.get("type")}, "response_format.json_schema")
    _check_tools(body.get("tools") or (), nested=True)
    _check_items(body["messages"], "messages")


def check_context(ask: Ask, profile: Profile) -> None:
    """An input over the context window is refused unless truncation was asked for."""
    if ask.input_tokens > profile.context_tokens and ask.body.get("truncation") != "auto":
        raise RejectedError(
            status=400,
            message="Your input exceeds the context window of this model. Please adjust your input and try again.",
            param="input",
            code="context_length_exceeded",
        )


def below(name: str, minimum: int, value: int) -> RejectedError:
    return RejectedError(
        status=400,
        message=f"Invalid '{name}': integer below minimum value. Expected a value >= {minimum}, but got {value} "
        "instead.",
        param=name,
        code="integer_below_min_value",
    )


def invalid_value(name: str, value: object, supported: tuple[str, ...]) -> RejectedError:
    choices = _listed(supported)
    return RejectedError(
        status=400,
        message=f"Invalid value: '{value}'. Supported values are: {choices}.",
        param=name,
        code="invalid_value",
    )


def _listed(values: tuple[str, ...]) -> str:
    quoted = [f"'{value}'" for value in values]
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def _check_shape(body: Mapping[str, Any], known: Mapping[str, tuple[type, ...]], required: tuple[str, ...]) -> None:
    for name in required:
        if body.get(name) is None:
            raise RejectedError(
                status=400,
                message=f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )
    _check_keys(body, known, "")
    for name, keys in _NESTED.items():
        _check_keys(_at(body, name) or {}, keys, f"{name}.")
    _check_values(body)


def _check_keys(values: Mapping[str, Any], known: Mapping[str, tuple[type, ...]], prefix: str) -> None:
    for key, value in values.items():
        name = prefix + key
        if key not in known:
            raise RejectedError(
                status=400, message=f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter"
            )
        if value is not None:
            _check_type(name, value, known[key])


def _check_type(name: str, value: object, wanted: tuple[type, ...]) -> None:
    if isinstance(value, wanted) and not (isinstance(value, bool) and bool not in wanted):
        return
    expected = " or ".join(_NAMES[kind] for kind in wanted if not (kind is int and float in wanted))
    raise RejectedError(
        status=400,
        message=f"Invalid type for '{name}': expected {expected}, but got {_NAMES[type(value)]} instead.",
        param=name,
        code="invalid_type",
    )


def _check_values(body: Mapping[str, Any]) -> None:
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is not None and not low <= value <= high:
            side, code = ("below minimum", "below_min") if value < low else ("above maximum", "above_max")
            limit = f">= {low}" if value < low else f"<= {high}"
            raise RejectedError(
                status=400,
                message=f"Invalid '{name}': decimal {side} value. Expected a value {limit}, but got {value} instead.",
                param=name,
                code=f"decimal_{code}_value",
            )
    for path, supported in _CHOICES.items():
        value = _at(body, path)
        if value is not None and value not in supported:
            raise invalid_value(path, value, supported)


def _at(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _check_effort(model: str, effort: object, param: str, profile: Profile) -> None:
    if not model.startswith("sim-"):
        raise RejectedError(
            status=404,
            message=f"The model `{model}` does not exist or you do not have access to it.",
            code="model_not_found",
        )
    if effort is not None and effort not in profile.efforts:
        supported = _listed(tuple(profile.efforts))
        raise RejectedError(
            status=400,
            message=f"Unsupported value: '{effort}' is not supported with the '{model}' model. "
            f"Supported values are: {supported}.",
            param=param,
            code="unsupported_value",
        )


def _check_schema(form: Any, path: str) -> None:
    if not form or form.get("type") != "json_schema":
        return
    for key in ("name", "schema"):
        if not form.get(key):
            name = f"{path}.{key}"
            raise RejectedError(
                status=400,
                message=f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )


def _check_tools(tools: Any, *, nested: bool) -> None:
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise _wrong_item(f"tools[{index}]", tool)
        if tool.get("type") != "function":
            continue
        function = tool.get("function") if nested else tool
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            name = f"tools[{index}].function.name" if nested else f"tools[{index}].name"
            raise RejectedError(
                status=400,
                message=f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )


def _check_items(items: Any, name: str) -> None:
    if isinstance(items, str):
        return
    if not items:
        raise RejectedError(
            status=400,
            message=f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array "
            "instead.",
            param=name,
            code="empty_array",
        )
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise _wrong_item(f"{name}[{index}]", item)
        role = item.get("role")
        if role is not None and role not in _ROLES:
            raise invalid_value(f"{name}[{index}].role", role, _ROLES)


def _wrong_item(name: str, value: object) -> RejectedError:
    kind = _NAMES.get(type(value), "null")
    return RejectedError(
        status=400,
        message=f"Invalid type for '{name}': expected an object, but got {kind} instead.",
        param=name,
        code="invalid_type",
    )
