"""What a request asks for, apart from the dialect it was written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: About one token: a word with its space, up to three digits, one other sign.
TOKEN = re.compile(r" ?[^\W\d_]+| ?\d{1,3}| ?[^\w\s]|\s+|.", re.DOTALL)
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_IMAGE = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. ``question`` is the last user message, ``instructions`` the text of all others that instruct.

    ``forced_tool``: the name of the one tool that must be called, ``*`` for any, None for none.
    ``format`` is ``text``, ``json_object`` or ``json_schema``. ``tool_outputs`` are results that came back in this
    request. ``body`` is the request as sent.
    """

    model: str
    question: str
    instructions: str = ""
    effort: str | None = None
    verbosity: str = "medium"
    format: str = "text"
    schema: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    tools_allowed: bool = True
    forced_tool: str | None = None
    tool_outputs: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    wants_summary: bool = False
    wants_encrypted: bool = False
    stream: bool = False
    obfuscate: bool = True
    include_usage: bool = False
    input_tokens: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


def count_tokens(text: str) -> int:
    return sum(1 for _ in TOKEN.finditer(text))


def from_responses(body: Mapping[str, Any]) -> Ask:
    """Reads a validated body of ``POST /responses``."""
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    form = text.get("format") or {}
    tools = tuple(_tool(tool) for tool in body.get("tools") or () if tool.get("type") == "function")
    return Ask(
        model=body["model"],
        **_conversation(items, body.get("instructions")),
        effort=reasoning.get("effort"),
        verbosity=text.get("verbosity") or "medium",
        format=form.get("type", "text"),
        schema=form.get("schema") or {},
        tools=tools,
        **_tool_choice(body.get("tool_choice")),
        max_output_tokens=body.get("max_output_tokens"),
        wants_summary=bool(reasoning.get("summary")),
        wants_encrypted="reasoning.encrypted_content" in (body.get("include") or ()),
        stream=bool(body.get("stream")),
        obfuscate=(body.get("stream_options") or {}).get("include_obfuscation") is not False,
        input_tokens=_input_tokens(items, [body.get("instructions"), body.get("tools")]),
        body=body,
    )


def from_chat(body: Mapping[str, Any]) -> Ask:
    """Reads a validated body of ``POST /chat/completions``."""
    items = body["messages"]
    form = body.get("response_format") or {}
    options = body.get("stream_options") or {}
    functions = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    return Ask(
        model=body["model"],
        **_conversation(items, None),
        effort=body.get("reasoning_effort"),
        verbosity=body.get("verbosity") or "medium",
        format=form.get("type", "text"),
        schema=(form.get("json_schema") or {}).get("schema") or {},
        tools=tuple(map(_tool, functions)),
        **_tool_choice(body.get("tool_choice")),
        max_output_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stream=bool(body.get("stream")),
        obfuscate=options.get("include_obfuscation") is not False,
        include_usage=bool(options.get("include_usage")),
        input_tokens=_input_tokens(items, [body.get("tools")]),
        body=body,
    )


def _tool(function: Mapping[str, Any]) -> Tool:
    return Tool(name=function["name"], parameters=function.get("parameters") or {})


def _tool_choice(choice: Any) -> dict[str, Any]:
    if isinstance(choice, dict):
        named = choice.get("name") or (choice.get("function") or {}).get("name")
        if named:
            return {"forced_tool": named}
        return {"forced_tool": "*" if choice.get("mode") == "required" else None}
    return {"forced_tool": "*" if choice == "required" else None, "tools_allowed": choice != "none"}


def _conversation(items: list[Any], instructions: str | None) -> dict[str, Any]:
    question, told = "", [instructions or ""]
    outputs: list[str] = []
    for item in items:
        role = item.get("role")
        if role == "user":
            question, outputs = content_text(item.get("content")), []
        elif role in ("system", "developer"):
            told.append(content_text(item.get("content")))
        elif role == "tool":
            outputs.append(content_text(item.get("content")))
        elif str(item.get("type", "")).endswith("_call_output"):
            outputs.append(content_text(item.get("output")))
    return {"question": question, "instructions": "\n".join(filter(None, told)), "tool_outputs": tuple(outputs)}


def content_text(content: Any) -> str:
    """The text of a message: a string, or its parts joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def _input_tokens(items: list[Any], extras: list[Any]) -> int:
    total = sum(len(repr(extra)) // 4 for extra in extras if extra)
    for item in items:
        total += _TOKENS_PER_MESSAGE + count_tokens(content_text(item.get("content") or item.get("output")))
        total += count_tokens(str(item.get("arguments") or ""))
        parts = item.get("content")
        if isinstance(parts, list):
            total += _TOKENS_PER_IMAGE * sum(
                "image" in str(part.get("type")) for part in parts if isinstance(part, dict)
            )
    return total
