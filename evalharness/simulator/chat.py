"""The chat-completions dialect: a reply as one object and as chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evalharness.simulator.ask import Ask
from evalharness.simulator.behaviour import Reply
from evalharness.simulator.exchange import Event, Identity, compact
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
    frame = _frame(ask, who, "chat.completion.chunk")
    chunk = _Chunk(ask=ask, token=who.token, frame=compact(frame)[:-1])
    opening: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    if reply.kind == "function_call":
        function = {"name": reply.tool_name, "arguments": ""}
        call = {"index": 0, "id": f"call_{who.token[:24]}", "type": "function", "function": function}
        opening = {"role": "assistant", "content": None, "tool_calls": [call]}
    events = [chunk.event(times.first_output_ms, opening, label="role")]
    for at_ms, piece in zip(times.output_ms, reply.pieces, strict=True):
        events.append(chunk.event(at_ms, _delta(reply, piece), label="delta", padding=piece))
    events.append(chunk.event(times.end_ms, {}, label="finish", finish_reason=_finish_reason(reply)))
    if ask.include_usage:
        last = frame | {"choices": [], "usage": chat_usage(ask, reply, cached_tokens)}
        events.append(Event.of(last, at_ms=times.end_ms, type="usage", named=False))
    events.append(Event(at_ms=times.end_ms, type="[DONE]", text="[DONE]", named=False))
    return tuple(events)


def _delta(reply: Reply, piece: str) -> dict[str, Any]:
    if reply.kind == "function_call":
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return {"refusal" if reply.kind == "refusal" else "content": piece}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """Makes the chunks of one stream. ``frame`` is the JSON that all begin with, rendered once."""

    ask: Ask
    token: str
    frame: str

    def event(
        self, at_ms: float, delta: dict[str, Any], *, label: str, finish_reason: str | None = None, padding: str = ""
    ) -> Event:
        rest: dict[str, Any] = {
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
        }
        if self.ask.include_usage:
            rest["usage"] = None
        if self.ask.obfuscate:
            rest["obfuscation"] = obfuscation(padding, self.token)
        return Event(at_ms=at_ms, type=label, text=f"{self.frame},{compact(rest)[1:]}", named=False)


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
