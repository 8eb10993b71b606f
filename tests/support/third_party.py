"""Servers nobody here wrote, on a real socket in a thread of the test's process."""

from __future__ import annotations

import importlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest


def third_party(name: str) -> ModuleType:
    """Import it; without it a test fails in CI and is skipped, with the reason, elsewhere."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name} is not installed: pip install -e '.[test]'", allow_module_level=True)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An ASGI application behind uvicorn; gives its root URL."""
    uvicorn = third_party("uvicorn")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def open_responses_app(api_key: str) -> Any:
    """fastresponses' engine around an agent that thinks, answers 7 to everything, and knows four ways to fail."""
    fastresponses = third_party("fastresponses")
    adapter = third_party("fastresponses.adapter")

    class Seven(fastresponses.AgentAdapter):  # type: ignore[misc, name-defined]
        name = "seven"

        async def run(self, run: Any) -> AsyncIterator[Any]:
            question = str(run.request.input)
            yield adapter.ReasoningDelta(delta="Four and ")
            yield adapter.ReasoningDelta(delta="three.")
            yield adapter.TextDelta(delta="The answer ")
            if "fail" in question:
                raise adapter.AdapterError("the agent broke", code="agent_broke")
            yield adapter.TextDelta(delta="is 7.")
            yield adapter.UsageDelta(
                input_tokens=9, output_tokens=11, total_tokens=20, reasoning_tokens=4, cached_tokens=2
            )
            if "cut short" in question:
                yield adapter.Incomplete(reason="max_output_tokens")

    return importlib.import_module("fastresponses.server").create_app(Seven(), api_key=api_key)
