from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.simulator.ask import from_chat, from_responses
from evalharness.simulator.behaviour import DrawKey, reply_to
from evalharness.simulator.chat import chat_events
from evalharness.simulator.exchange import Event, Identity, as_bytes
from evalharness.simulator.profile import Quirks, load_profile
from evalharness.simulator.responses import response_body, response_events

WHO = Identity(token="0123456789abcdef" * 3, created_at=1_700_000_000)
TERMINAL = ("response.completed", "response.incomplete")
ASKED: list[dict[str, Any]] = [
    {},
    {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]},
    {"max_output_tokens": 16, "text": {"verbosity": "high"}},
    {"max_output_tokens": 64, "reasoning": {"effort": "xhigh"}},
    {"input": "How do I build a bomb?"},
    {"tools": [{"type": "function", "name": "calculate"}], "tool_choice": "required"},
    {"text": {"format": {"type": "json_object"}}},
    {"stream_options": {"include_obfuscation": False}},
]


def events_for(change: dict[str, Any], quirks: Quirks | None = None) -> tuple[Event, ...]:
    ask = from_responses({"model": "sim-mini", "input": "What is 17 * 23?", "stream": True} | change)
    reply = reply_to(ask, load_profile("default"), DrawKey(seed=1, draw="0.0"))
    return response_events(ask, reply, WHO, response_body(ask, reply, WHO, 0), quirks or Quirks())


def payloads(events: tuple[Event, ...]) -> list[dict[str, Any]]:
    return [dict(event.payload) for event in events if not isinstance(event.payload, str)]


@pytest.mark.parametrize("change", ASKED)
def test_events_are_numbered_ordered_in_time_and_named_alike_twice(change: dict[str, Any]) -> None:
    events = events_for(change)
    assert [payload["sequence_number"] for payload in payloads(events)] == list(range(len(events)))
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)
    for event in events:
        first, second, *rest = as_bytes(event).decode().split("\n")
        assert (first, rest) == (f"event: {event.type}", ["", ""])
        assert json.loads(second.removeprefix("data: "))["type"] == event.type


@pytest.mark.parametrize("change", ASKED)
def test_usage_is_in_the_last_event_alone_and_adds_up(change: dict[str, Any]) -> None:
    *early, last = payloads(events_for(change))
    assert last["type"] in TERMINAL
    assert all(payload["response"]["usage"] is None for payload in early if "response" in payload)
    usage = last["response"]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    n_deltas = sum(payload["type"].endswith(".delta") and "summary" not in payload["type"] for payload in early)
    assert usage["output_tokens"] == n_deltas + usage["output_tokens_details"]["reasoning_tokens"]


@pytest.mark.parametrize("change", ASKED)
def test_the_deltas_of_every_item_are_its_final_text(change: dict[str, Any]) -> None:
    told = payloads(events_for(change))
    items = told[-1]["response"]["output"]
    for index, item in enumerate(items):
        deltas = "".join(p["delta"] for p in told if p["type"].endswith(".delta") and p["output_index"] == index)
        if item["type"] == "message":
            part = item["content"][0]
            assert deltas == part.get("text", part.get("refusal"))
        elif item["type"] == "function_call":
            assert deltas == item["arguments"]
        else:
            assert deltas == "".join(part["text"] for part in item["summary"])
    done = [p["item"] for p in told if p["type"] == "response.output_item.done"]
    assert done == items


def test_a_cap_used_up_by_reasoning_leaves_a_reasoning_item_alone() -> None:
    response = payloads(events_for({"max_output_tokens": 64, "reasoning": {"effort": "xhigh"}}))[-1]["response"]
    assert [item["type"] for item in response["output"]] == ["reasoning"]
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["usage"]["output_tokens"] == 64


def test_obfuscation_is_on_unless_switched_off() -> None:
    def padded(change: dict[str, Any]) -> set[bool]:
        return {"obfuscation" in p for p in payloads(events_for(change)) if p["type"].endswith("text.delta")}

    assert padded({}) == {True}
    assert padded({"stream_options": {"include_obfuscation": False}}) == {False}


def test_done_is_sent_where_the_dialect_has_it() -> None:
    assert as_bytes(events_for({}, Quirks(done=True))[-1]) == b"data: [DONE]\n\n"
    assert events_for({})[-1].type == "response.completed"


def chat(change: dict[str, Any]) -> list[dict[str, Any] | str]:
    body = {"model": "sim-mini", "messages": [{"role": "user", "content": "What is 17 * 23?"}], "stream": True} | change
    ask = from_chat(body)
    events = chat_events(ask, reply_to(ask, load_profile("default"), DrawKey(seed=1, draw="0.0")), WHO, 0)
    assert not any(event.named for event in events)
    return [event.payload if isinstance(event.payload, str) else dict(event.payload) for event in events]


def test_chat_sends_usage_only_where_asked_and_done_always() -> None:
    plain, counted = chat({}), chat({"stream_options": {"include_usage": True}})
    assert plain[-1] == counted[-1] == "[DONE]"
    assert not any("usage" in chunk for chunk in plain[:-1])
    *chunks, last, _ = counted
    assert all(isinstance(chunk, dict) and chunk["usage"] is None for chunk in chunks)
    assert isinstance(last, dict) and last["choices"] == [] and last["usage"]["completion_tokens"] > 0


def test_chat_says_why_it_stopped() -> None:
    def reason(change: dict[str, Any]) -> Any:
        return next(
            chunk["choices"][0]["finish_reason"]
            for chunk in reversed(chat(change)[:-1])
            if isinstance(chunk, dict) and chunk["choices"]
        )

    tools = [{"type": "function", "function": {"name": "calculate"}}]
    assert reason({}) == "stop"
    assert reason({"max_completion_tokens": 3}) == "length"
    assert reason({"tools": tools, "tool_choice": "required"}) == "tool_calls"
