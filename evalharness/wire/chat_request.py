"""Request parameters in Responses API spelling, translated for chat completions by one table.

============================  ==========================================
Responses API                 chat completions
============================  ==========================================
``instructions``              a first message of role ``system``
``max_output_tokens``         ``max_completion_tokens``
``reasoning.effort``          ``reasoning_effort``
``text.format``               ``response_format`` (a JSON schema nested under ``json_schema``)
``text.verbosity``            ``verbosity``
``top_logprobs``              ``logprobs: true`` and ``top_logprobs``
``tools``                     ``tools``, each nested under ``function`` or ``custom``
``tool_choice``               ``tool_choice``, nested likewise
``stream_options``            ``stream_options``, beside ``include_usage``
the names in ``SAME``         the same name
anything else                 no counterpart: an error
============================  ==========================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evalharness.core.model import Json

SAME = frozenset(
    {
        "metadata",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "temperature",
        "top_p",
        "user",
    }
)


@dataclass(slots=True, kw_only=True)
class ChatBody:
    """What a request becomes. Filled by this module alone; ``problems`` name the fields without a counterpart."""

    body: dict[str, Json] = field(default_factory=dict)
    leading_messages: list[Json] = field(default_factory=list)
    stream_options: dict[str, Json] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def refuse(self, place: str, why: str = "has no counterpart in chat completions") -> None:
        self.problems.append(f"{place}: {why}")


def body_of(request: Mapping[str, Json]) -> ChatBody:
    chat = ChatBody()
    for name, value in request.items():
        if name in SAME:
            chat.body[name] = value
        elif name in _RULES:
            _RULES[name](chat, value)
        else:
            chat.refuse(name)
    return chat


def _stream(chat: ChatBody, value: Json) -> None:
    if not isinstance(value, bool):
        chat.refuse("stream", "must be true or false")


def _stream_options(chat: ChatBody, value: Json) -> None:
    chat.stream_options.update(_mapping(chat, "stream_options", value))


def _instructions(chat: ChatBody, value: Json) -> None:
    if value is not None:
        chat.leading_messages.append({"role": "system", "content": value})


def _max_output_tokens(chat: ChatBody, value: Json) -> None:
    chat.body["max_completion_tokens"] = value


def _reasoning(chat: ChatBody, value: Json) -> None:
    for name, inner in _mapping(chat, "reasoning", value).items():
        if name == "effort":
            chat.body["reasoning_effort"] = inner
        else:
            chat.refuse(f"reasoning.{name}")


def _text(chat: ChatBody, value: Json) -> None:
    for name, inner in _mapping(chat, "text", value).items():
        if name == "verbosity":
            chat.body["verbosity"] = inner
        elif name == "format":
            chat.body["response_format"] = _format(_mapping(chat, "text.format", inner))
        else:
            chat.refuse(f"text.{name}")


def _format(flat: Mapping[str, Json]) -> Json:
    if flat.get("type") != "json_schema":
        return dict(flat)
    return {"type": "json_schema", "json_schema": _without_type(flat)}


def _top_logprobs(chat: ChatBody, value: Json) -> None:
    chat.body["logprobs"] = True
    chat.body["top_logprobs"] = value


def _tools(chat: ChatBody, value: Json) -> None:
    tools = value if isinstance(value, list | tuple) else [value]
    chat.body["tools"] = [_tool(chat, f"tools[{index}]", tool) for index, tool in enumerate(tools)]


def _tool(chat: ChatBody, place: str, tool: Json) -> Json:
    flat = _mapping(chat, place, tool)
    kind = flat.get("type")
    if kind == "function":
        return {"type": "function", "function": _without_type(flat)}
    if kind == "custom":
        return {"type": "custom", "custom": _custom(flat)}
    chat.refuse(f"{place} of type {kind!r}")
    return {}


def _custom(flat: Mapping[str, Json]) -> Json:
    custom = _without_type(flat)
    grammar = custom.get("format")
    if isinstance(grammar, Mapping) and grammar.get("type") == "grammar":
        custom["format"] = {"type": "grammar", "grammar": _without_type(grammar)}
    return custom


def _tool_choice(chat: ChatBody, value: Json) -> None:
    if isinstance(value, str):
        chat.body["tool_choice"] = value
        return
    choice = _mapping(chat, "tool_choice", value)
    kind = choice.get("type")
    if kind in ("function", "custom"):
        chat.body["tool_choice"] = {"type": kind, kind: _without_type(choice)}
    elif kind == "allowed_tools":
        allowed = _without_type(choice)
        tools = allowed.get("tools")
        names = tools if isinstance(tools, list | tuple) else []
        allowed["tools"] = [_tool(chat, f"tool_choice.tools[{index}]", tool) for index, tool in enumerate(names)]
        chat.body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": allowed}
    else:
        chat.refuse(f"tool_choice of type {kind!r}")


def _without_type(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if name != "type"}


def _mapping(chat: ChatBody, place: str, value: Json) -> Mapping[str, Json]:
    if isinstance(value, Mapping):
        return value
    if value is not None:
        chat.refuse(place, "must be a mapping")
    return {}


_RULES: Mapping[str, Callable[[ChatBody, Json], None]] = {
    "instructions": _instructions,
    "max_output_tokens": _max_output_tokens,
    "reasoning": _reasoning,
    "stream": _stream,
    "stream_options": _stream_options,
    "text": _text,
    "tool_choice": _tool_choice,
    "tools": _tools,
    "top_logprobs": _top_logprobs,
}
