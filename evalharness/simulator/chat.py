"""The chat-completions dialect: a reply as one object and as chunks."""

from __future__ import annotations

from typing import Any

from evalharness.simulator.ask import Ask
from evalharness.simulator.behaviour import Reply
from evalharness.simulator.exchange import Event, Identity
from evalharness.simulator.responses import obfuscation

_STOP = {"max_output_tokens": "length", "content_filter": "content_filter"}
_FINGERPRINT = "fp_simulator"


def chat_body(ask: Ask, reply: Reply, who: Identity, cached_tokens: int) -> dict[str, Any]:
    """The answer without streaming."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if reply.kind == "function_call":
        function = {"name": reply.tool_name, "arguments": reply.text}
        message["tool_calls"] = [{"id": f"call_{who.token[:24]}", "type": "function", "function": function}]
    else:
        message["refusal" if reply.kind == "refusal" else "content"] = reply.text
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    return _frame(ask, who, "chat.completion") | {"choices": [choice], "usage": chat_usage(ask, reply, cached_tokens)}


def chat_usage(ask: Ask, reply: Reply, cached_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": ask.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": ask.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reply.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat_events(ask: Ask, reply: Reply, who: Identity, cached_tokens: int) -> tuple[Event, ...]:
    """The stream of a reply: a chunk with the role, the deltas, the finish reason, usage where asked, ``[DONE]``."""
    times = reply.schedule
    opening: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    if reply.kind == "function_call":
        function = {"name": reply.tool_name, "arguments": ""}
        call = {"index": 0, "id": f"call_{who.token[:24]}", "type": "function", "function": function}
        opening = {"role": "assistant", "content": None, "tool_calls": [call]}
    events = [_chunk(ask, who, times.first_output_ms, opening)]
    for at_ms, piece in zip(times.output_ms, reply.pieces, strict=True):
        events.append(_chunk(ask, who, at_ms, _delta(reply, piece), padding=piece))
    events.append(_chunk(ask, who, times.end_ms, {}, finish_reason=_finish_reason(reply)))
    if ask.include_usage:
        last = _frame(ask, who, "chat.completion.chunk")
        last |= {"choices": [], "usage": chat_usage(ask, reply, cached_tokens)}
        events.append(Event(at_ms=times.end_ms, type="usage", payload=last, named=False))
    events.append(Event(at_ms=times.end_ms, type="[DONE]", payload="[DONE]", named=False))
    return tuple(events)


def _delta(reply: Reply, piece: str) -> dict[str, Any]:
    if reply.kind == "function_call":
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return {"refusal" if reply.kind == "refusal" else "content": piece}


def _chunk(
    ask: Ask, who: Identity, at_ms: float, delta: dict[str, Any], *, finish_reason: str | None = None, padding: str = ""
) -> Event:
    payload = _frame(ask, who, "chat.completion.chunk")
    payload["choices"] = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
    if ask.include_usage:
        payload["usage"] = None
    if ask.obfuscate:
        payload["obfuscation"] = obfuscation(padding, who.token)
    label = "finish" if finish_reason else ("delta" if padding else "role")
    return Event(at_ms=at_ms, type=label, payload=payload, named=False)


def _frame(ask: Ask, who: Identity, kind: str) -> dict[str, Any]:
    tier = ask.body.get("service_tier")
    return {
        "id": f"chatcmpl-{who.token[:29]}",
        "object": kind,
        "created": who.created_at,
        "model": ask.model,
        "service_tier": "default" if tier in (None, "auto") else tier,
        "system_fingerprint": _FINGERPRINT,
    }


def _finish_reason(reply: Reply) -> str:
    if reply.incomplete_reason is not None:
        return _STOP[reply.incomplete_reason]
    return "tool_calls" if reply.kind == "function_call" else "stop"
