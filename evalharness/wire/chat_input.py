"""Input items of the Responses API as chat messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalharness.core.model import Json

_ROLES = frozenset({"user", "assistant", "system", "developer"})


@dataclass(slots=True, kw_only=True)
class ChatMessages:
    """Filled by this module alone; ``problems`` name the items and parts without a counterpart."""

    messages: list[dict[str, Json]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def refuse(self, place: str, why: str = "has no counterpart in chat completions") -> None:
        self.problems.append(f"{place}: {why}")


def messages_of(input: Json) -> ChatMessages:
    """``input`` is a string (one user message) or a list of items."""
    chat = ChatMessages()
    if isinstance(input, str):
        chat.messages.append({"role": "user", "content": input})
        return chat
    if not isinstance(input, list | tuple):
        chat.refuse("input", "must be a string or a list of items")
        return chat
    for index, item in enumerate(input):
        _item(chat, f"input[{index}]", item)
    return chat


def _item(chat: ChatMessages, place: str, item: Json) -> None:
    if not isinstance(item, Mapping):
        chat.refuse(place, "must be a mapping")
        return
    kind = item.get("type", "message")
    if kind == "message":
        _message(chat, place, item)
    elif kind in ("function_call", "custom_tool_call"):
        _call(chat, item)
    elif kind in ("function_call_output", "custom_tool_call_output"):
        content = _output(chat, f"{place}.output", item.get("output"))
        chat.messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": content})
    else:
        chat.refuse(f"{place} of type {kind!r}")


def _message(chat: ChatMessages, place: str, item: Mapping[str, Json]) -> None:
    role = item.get("role")
    if role not in _ROLES:
        chat.refuse(f"{place}.role", f"must be one of {', '.join(sorted(_ROLES))}, not {role!r}")
        return
    chat.messages.append({"role": role, "content": _content(chat, f"{place}.content", item.get("content"))})


def _call(chat: ChatMessages, item: Mapping[str, Json]) -> None:
    """Calls of one turn belong to one assistant message in chat, together with the text before them."""
    if item.get("type") == "function_call":
        kind, inner = "function", {"name": item.get("name"), "arguments": item.get("arguments")}
    else:
        kind, inner = "custom", {"name": item.get("name"), "input": item.get("input")}
    if not chat.messages or chat.messages[-1]["role"] != "assistant":
        chat.messages.append({"role": "assistant", "content": None})
    calls = chat.messages[-1].setdefault("tool_calls", [])
    calls.append({"id": item.get("call_id"), "type": kind, kind: inner})


def _output(chat: ChatMessages, place: str, output: Json) -> Json:
    """A tool's answer: chat takes text alone."""
    parts = _content(chat, place, output)
    if isinstance(parts, list) and any(part.get("type") != "text" for part in parts):
        chat.refuse(place, "a tool's output can only be text in chat completions")
    return parts


def _content(chat: ChatMessages, place: str, content: Json) -> Json:
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        chat.refuse(place, "must be a string or a list of parts")
        return ""
    return [_part(chat, f"{place}[{index}]", part) for index, part in enumerate(content)]


def _part(chat: ChatMessages, place: str, part: Json) -> dict[str, Json]:
    if not isinstance(part, Mapping):
        chat.refuse(place, "must be a mapping")
        return {}
    kind = part.get("type")
    if kind in ("input_text", "output_text"):
        return {"type": "text", "text": part.get("text")}
    if kind == "refusal":
        return {"type": "refusal", "refusal": part.get("refusal")}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        detail = {"detail": part["detail"]} if "detail" in part else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    if kind == "input_file" and ("file_id" in part or "file_data" in part):
        names = ("file_id", "file_data", "filename")
        return {"type": "file", "file": {name: part[name] for name in names if name in part}}
    chat.refuse(f"{place} of type {kind!r}")
    return {}
