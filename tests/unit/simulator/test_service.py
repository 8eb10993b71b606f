from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.simulator.faults import CATALOGUE
from evalharness.simulator.http1 import HttpRequest
from evalharness.simulator.profile import load_profile
from evalharness.simulator.service import Outcome, Service, SimulatorSettings

CHAT = {"messages": [{"role": "user", "content": "3 + 4?"}]}


def answer(path: str, body: Any, *, method: str = "POST", **headers: str) -> Outcome:
    service = Service(SimulatorSettings(profile=load_profile("instant")), dict)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.answer(HttpRequest(method=method, path=path, query={}, headers=headers, body=raw, keep_alive=True))


@pytest.mark.parametrize("fault", CATALOGUE)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("path", "asked"), [("/v1/responses", {"input": "3 + 4?"}), ("/v1/chat/completions", CHAT)])
def test_every_fault_works_in_both_dialects_streaming_and_not(fault: str, stream: bool, path: str, asked: Any) -> None:
    outcome = answer(path, {"model": "sim-mini", "stream": stream} | asked, **{"x-sim-fault": fault})
    assert "error" not in outcome.facts
    assert outcome.facts["fault"] == fault


@pytest.mark.parametrize("fault", ["failed", "error"])
def test_an_error_in_a_chat_stream_is_an_error_object(fault: str) -> None:
    outcome = answer("/v1/chat/completions", {"model": "sim-mini", "stream": True} | CHAT, **{"x-sim-fault": fault})
    assert json.loads(outcome.script.writes[-1].body.removeprefix(b"data: "))["error"]["code"] == "server_error"


@pytest.mark.parametrize(
    "change",
    [
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}, 3, {"text": 4}]}]},
        {"input": [{"type": "item_reference", "id": "x"}, {"type": "function_call_output", "output": None}]},
        {"input": "\ud800 lone \x00 surrogate"},
        {"tools": [{"type": "function", "name": "f", "parameters": {"properties": {"a": {"enum": []}}}}],
         "tool_choice": "required"},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"minItems": 10**9, "type": "array"}}}},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"$ref": "#/nowhere"}}}},
    ],
)  # fmt: skip
def test_odd_input_is_answered_and_never_breaks_the_service(change: dict[str, Any]) -> None:
    outcome = answer("/v1/responses", {"model": "sim-mini", "input": "f", "stream": True} | change)
    assert outcome.script.status == 200
    assert "error" not in outcome.facts


def test_a_bug_is_an_answer_and_not_a_hung_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalharness.simulator.service.reply_to", lambda *_: 1 / 0)
    outcome = answer("/v1/responses", {"model": "sim-mini", "input": "f"})
    assert outcome.script.status == 500
    assert "ZeroDivisionError" in outcome.facts["error"]


def test_the_truth_wants_prompts() -> None:
    assert answer("/truth", {"prompts": "3 + 4?"}).script.status == 400
    assert answer("/truth", {"prompts": ["3 + 4?"]}).script.status == 200


def test_what_is_remembered_of_requests_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes again in time is counted on; who was not seen for longer than is remembered begins anew."""
    monkeypatch.setattr("evalharness.simulator.service._MAX_COUNTED", 3)
    service = Service(SimulatorSettings(profile=load_profile("instant")), dict)

    def attempt(name: str) -> int:
        raw = json.dumps({"model": "sim-mini", "input": "3 + 4?"}).encode()
        headers = {"x-client-request-id": f"r.{name}.0"}
        request = HttpRequest(method="POST", path="/v1/responses", query={}, headers=headers, body=raw, keep_alive=True)
        return int(service.answer(request).facts["attempt"])

    assert [attempt(name) for name in ("a", "b", "a", "c", "d", "a", "b")] == [1, 1, 2, 1, 1, 3, 1]


def test_other_streams_are_looked_after_while_a_reply_is_made() -> None:
    looks = []
    service = Service(SimulatorSettings(profile=load_profile("instant")), dict, lambda: looks.append(1))
    raw = json.dumps({"model": "sim-mini", "input": "3 + 4?", "stream": True}).encode()
    service.answer(HttpRequest(method="POST", path="/v1/responses", query={}, headers={}, body=raw, keep_alive=True))
    assert len(looks) >= 4
