"""The Responses dialect: a reply as a response object and as its stream of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.simulator import draws
from evalharness.simulator.ask import Ask
from evalharness.simulator.behaviour import Reply
from evalharness.simulator.exchange import Event, Identity, compact, quoted
from evalharness.simulator.profile import Quirks

_OBFUSCATED_TO = 16
#: How the snapshot at the beginning of a stream differs from the one at its end.
_NOT_ENDED: Mapping[str, Any] = {
    "status": "in_progress",
    "completed_at": None,
    "incomplete_details": None,
    "output": [],
    "usage": None,
}


def obfuscation(delta: str, token: str) -> str:
    """Padding that makes deltas alike in size, so that their lengths tell an onlooker nothing."""
    return token[: _OBFUSCATED_TO - len(delta) % _OBFUSCATED_TO]


def response_body(ask: Ask, reply: Reply, who: Identity, cached_tokens: int) -> dict[str, Any]:
    """The answer without streaming, and the snapshot in the last event of a stream."""
    body = ask.body
    is_whole = reply.incomplete_reason is None
    tier = body.get("service_tier")
    return {
        "id": who.response_id,
        "object": "response",
        "created_at": who.created_at,
        "status": "completed" if is_whole else "incomplete",
        "background": bool(body.get("background")),
        "completed_at": who.created_at + round(reply.schedule.end_ms / 1000) if is_whole else None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None if is_whole else {"reason": reply.incomplete_reason},
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": ask.model,
        "output": output_items(ask, reply, who),
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "presence_penalty": 0.0,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "prompt_cache_retention": body.get("prompt_cache_retention"),
        "reasoning": {"effort": reply.effort, "summary": _summary_mode(body)},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "default" if tier in (None, "auto") else tier,
        "store": body.get("store") is not False,
        "temperature": _or(body.get("temperature"), 1.0),
        "text": {"format": _format(body), "verbosity": ask.verbosity},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [_tool(tool) for tool in body.get("tools") or ()],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _or(body.get("top_p"), 1.0),
        "truncation": body.get("truncation") or "disabled",
        "usage": usage(ask, reply, cached_tokens),
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def usage(ask: Ask, reply: Reply, cached_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": ask.input_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        "total_tokens": ask.input_tokens + reply.output_tokens,
    }


def _or(value: Any, default: float) -> Any:
    return default if value is None else value


def _summary_mode(body: Mapping[str, Any]) -> str | None:
    mode = (body.get("reasoning") or {}).get("summary")
    return "detailed" if mode == "auto" else mode


def _format(body: Mapping[str, Any]) -> dict[str, Any]:
    form = dict((body.get("text") or {}).get("format") or {"type": "text"})
    if form["type"] == "json_schema":
        form = {"description": None, "strict": False, **form}
    return form


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return (
        {"description": None, "strict": True, "parameters": None, **tool}
        if tool.get("type") == "function"
        else dict(tool)
    )


# ---------------------------------------------------------------- items


def output_items(ask: Ask, reply: Reply, who: Identity) -> list[dict[str, Any]]:
    """The finished output: a reasoning item where there was reasoning, then the message or the tool call."""
    items = [reasoning_item(ask, reply, who)] if reply.reasoning_tokens else []
    if reply.pieces or reply.incomplete_reason is None:
        items.append(_last_item(reply, who))
    return items


def reasoning_item(ask: Ask, reply: Reply, who: Identity) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": text} for text in reply.summary]
    item: dict[str, Any] = {"id": f"rs_{who.token}", "type": "reasoning", "summary": summary}
    if ask.wants_encrypted:
        item["encrypted_content"] = "gAAAA" + draws.digest("encrypted", who.token).hex() * 4
    return item


def _last_item(reply: Reply, who: Identity) -> dict[str, Any]:
    status = "completed" if reply.incomplete_reason is None else "incomplete"
    if reply.kind == "function_call":
        return _call_item(reply, who, status, reply.text)
    return _message_item(who, status, [_part(reply.kind, reply.text)])


def _message_item(who: Identity, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"msg_{who.token}", "type": "message", "status": status, "content": content, "role": "assistant"}


def _call_item(reply: Reply, who: Identity, status: str, arguments: str) -> dict[str, Any]:
    return {
        "id": f"fc_{who.token}",
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": f"call_{who.token[:24]}",
        "name": reply.tool_name,
    }


def _part(kind: str, text: str) -> dict[str, Any]:
    if kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


# ---------------------------------------------------------------- events


def response_events(ask: Ask, reply: Reply, who: Identity, body: dict[str, Any], quirks: Quirks) -> tuple[Event, ...]:
    """The whole stream of a reply, numbered from 0. ``body`` is its ``response_body``."""
    times = reply.schedule
    told = _Telling(ask=ask, reply=reply, who=who)
    start = compact({**body, **_NOT_ENDED})
    told.snapshot(times.head_ms, "response.created", start)
    told.snapshot(times.head_ms, "response.in_progress", start)
    if reply.reasoning_tokens:
        _tell_reasoning(told)
    if reply.pieces or reply.incomplete_reason is None:
        tell = _tell_call if reply.kind == "function_call" else _tell_message
        tell(told)
    told.snapshot(times.end_ms, f"response.{body['status']}", compact(body))
    if quirks.done:
        told.events.append(Event(at_ms=times.end_ms, type="[DONE]", text="[DONE]", named=False))
    return tuple(told.events)


@dataclass(slots=True, kw_only=True)
class _Telling:
    """Collects events; knows the index of the item that is being told."""

    ask: Ask
    reply: Reply
    who: Identity
    events: list[Event] = field(default_factory=list)
    index: int = 0

    def say(self, at_ms: float, type: str, **payload: Any) -> None:
        payload = {"type": type, "sequence_number": len(self.events), **payload}
        self.events.append(Event.of(payload, at_ms=at_ms, type=type))

    def snapshot(self, at_ms: float, type: str, response: str) -> None:
        """An event with a response that is JSON already: the longest parts of a stream are rendered once."""
        text = f'{{"type":"{type}","sequence_number":{len(self.events)},"response":{response}}}'
        self.events.append(Event(at_ms=at_ms, type=type, text=text))

    def deltas(self, times_ms: Iterable[float], type: str, pieces: Iterable[str], place: Mapping[str, Any]) -> None:
        """One event for each piece. Most events of a stream are these: what they share is rendered once."""
        start, end = f'{{"type":"{type}","sequence_number":', f",{compact(place)[1:-1]}"
        pads = _paddings(self.who.token) if self.ask.obfuscate else ("",)
        events, number = self.events, len(self.events)
        for at_ms, piece in zip(times_ms, pieces, strict=True):
            text = f'{start}{number},"delta":{quoted(piece)}{end}{pads[len(piece) % len(pads)]}}}'
            events.append(Event(at_ms, type, text))
            number += 1


def _paddings(token: str) -> tuple[str, ...]:
    """The end of a delta's JSON by the length of the delta, modulo the number of these."""
    return tuple(f',"obfuscation":"{obfuscation("x" * length, token)}"' for length in range(_OBFUSCATED_TO))


def _tell_reasoning(told: _Telling) -> None:
    times, reply = told.reply.schedule, told.reply
    done = reasoning_item(told.ask, reply, told.who)
    told.say(times.head_ms, "response.output_item.added", output_index=0, item=done | {"summary": []})
    for index, at_ms, text in _summary_times(reply):
        _tell_summary_part(told, index, at_ms, text)
    told.say(times.first_output_ms, "response.output_item.done", output_index=0, item=done)
    told.index = 1


def _summary_times(reply: Reply) -> Iterator[tuple[int, list[float], str]]:
    """Summary parts share the time between the first thought and the first output evenly."""
    times = reply.schedule
    span = (times.first_output_ms - times.reasoning_ms) / max(1, len(reply.summary))
    for index, text in enumerate(reply.summary):
        start, n_words = times.reasoning_ms + index * span, max(1, len(text.split(" ")))
        yield index, [start + span * word / n_words for word in range(n_words + 1)], text


def _tell_summary_part(told: _Telling, index: int, at_ms: list[float], text: str) -> None:
    place = {"item_id": f"rs_{told.who.token}", "output_index": 0, "summary_index": index}
    empty, full = {"type": "summary_text", "text": ""}, {"type": "summary_text", "text": text}
    told.say(at_ms[0], "response.reasoning_summary_part.added", **place, part=empty)
    first, *words = text.split(" ")
    pieces = [first, *(f" {word}" for word in words)]
    told.deltas(at_ms[:-1], "response.reasoning_summary_text.delta", pieces, place)
    told.say(at_ms[-1], "response.reasoning_summary_text.done", **place, text=text)
    told.say(at_ms[-1], "response.reasoning_summary_part.done", **place, part=full)


def _tell_message(told: _Telling) -> None:
    reply, times = told.reply, told.reply.schedule
    kind, field_name = ("refusal", "refusal") if reply.kind == "refusal" else ("output_text", "text")
    place = {"item_id": f"msg_{told.who.token}", "output_index": told.index, "content_index": 0}
    logprobs: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
    first = times.first_output_ms
    told.say(
        first, "response.output_item.added", output_index=told.index, item=_message_item(told.who, "in_progress", [])
    )
    told.say(first, "response.content_part.added", **place, part=_part(reply.kind, ""))
    told.deltas(times.output_ms, f"response.{kind}.delta", reply.pieces, place | logprobs)
    told.say(times.end_ms, f"response.{kind}.done", **place, **{field_name: reply.text}, **logprobs)
    told.say(times.end_ms, "response.content_part.done", **place, part=_part(reply.kind, reply.text))
    told.say(times.end_ms, "response.output_item.done", output_index=told.index, item=_last_item(reply, told.who))


def _tell_call(told: _Telling) -> None:
    reply, times = told.reply, told.reply.schedule
    place = {"item_id": f"fc_{told.who.token}", "output_index": told.index}
    item = _call_item(reply, told.who, "in_progress", "")
    told.say(times.first_output_ms, "response.output_item.added", output_index=told.index, item=item)
    told.deltas(times.output_ms, "response.function_call_arguments.delta", reply.pieces, place)
    done = {"arguments": reply.text, "name": reply.tool_name}
    told.say(times.end_ms, "response.function_call_arguments.done", **place, **done)
    told.say(times.end_ms, "response.output_item.done", output_index=told.index, item=_last_item(reply, told.who))
