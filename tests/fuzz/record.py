"""``python -m tests.fuzz.record``: writes ``recorded/``, the responses that are then broken, to the byte.

From the simulator and from two servers that nobody here wrote, in both protocols. Recorded once: what a fuzz run plays
must not depend on today's versions of them. The name of a file begins with its protocol.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.servers import simulator
from tests.support.third_party import open_responses_app, served, third_party

FOLDER = Path(__file__).parent / "recorded"
_KEY = "sk-test-0123456789"
_TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    question = {"model": "sim-mini", "input": "What is 14 + 20?", "stream": True}
    messages = [{"role": "user", "content": "What is 14 + 20?"}]
    chat = {"model": "sim-mini", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    with simulator() as server:
        _record("responses-simulator", server.base_url, "/responses", {**question, "reasoning": {"summary": "auto"}})
        _record("responses-simulator-whole", server.base_url, "/responses", {**question, "stream": False})
        _record("responses-simulator-400", server.base_url, "/responses", {**question, "max_output_tokens": 3})
        _record("chat-simulator", server.base_url, "/chat/completions", chat)
        _record("chat-simulator-whole", server.base_url, "/chat/completions", {**chat, "stream": False})
    with served(open_responses_app(_KEY)) as root:
        for name, text in (("", "What is 4 + 3?"), ("-incomplete", "cut short, please"), ("-failed", "fail")):
            _record(f"responses-fastresponses{name}", f"{root}/v1", "/responses", {**question, "input": text})
    scenarios, testing = third_party("llmock.scenarios"), third_party("llmock.testing")
    with testing.LLMockServer() as running:
        root = running.base_url("openai")
        call = scenarios.Reply(tool_calls=(scenarios.ToolCall("get_weather", {"city": "Paris — Orly"}),))
        for reply, name in ((scenarios.Reply(text="The answer is 7, of course."), ""), (call, "-tool")):
            running.state.scenarios.add(reply)
            _record(f"responses-llmock{name}", root, "/responses", {**question, "model": "gpt-4o", "tools": [_TOOL]})
            running.state.scenarios.add(reply)
            tool = {"type": "function", "function": {"name": "get_weather", "parameters": _TOOL["parameters"]}}
            _record(f"chat-llmock{name}", root, "/chat/completions", {**chat, "model": "gpt-4o", "tools": [tool]})


def _record(name: str, base_url: str, path: str, request: dict[str, Any]) -> None:
    address, body = urlsplit(base_url), json.dumps(request).encode()
    assert address.hostname is not None
    head = (
        f"POST {address.path}{path} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {_KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    raw = b""
    with socket.create_connection((address.hostname, address.port or 80), timeout=20) as sock:
        sock.sendall(head.encode() + body)
        while piece := sock.recv(65536):
            raw += piece
    (FOLDER / f"{name}.http").write_bytes(raw)
    print(f"{len(raw):7} bytes  {name}")


if __name__ == "__main__":
    main()
