"""The protocol between a run and the server it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.servers import simulator

COMMAND = [sys.executable, "-m", "evalharness.simulator"]


def test_it_ends_when_its_parent_is_gone() -> None:
    with simulator() as server:
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(10) == 0


def test_it_ends_on_sigterm() -> None:
    with simulator() as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_a_child_leaves_ctrl_c_to_its_parent() -> None:
    with simulator() as server:
        server.process.send_signal(signal.SIGINT)
        with urlopen(f"{server.base_url}/models", timeout=10) as answer:
            assert answer.status == 200
        assert server.process.poll() is None


def test_a_server_of_its_own_ends_on_ctrl_c() -> None:
    process = subprocess.Popen([*COMMAND, "--profile", "instant"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert json.loads(process.stdout.readline())["base_url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout.read() == b""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--profile", "nothing-like-it"], 2, "default, ignores-effort, instant, latency, open-responses, queueing"),
        (["--faults", "missing.json"], 2, "missing.json"),
        (["--time-scale", "-1"], 2, "time-scale"),
        (["--truth-log", "/nowhere/at/all.jsonl"], 5, "/nowhere/at/all.jsonl"),
    ],
)
def test_wrong_options_end_it_with_a_sentence(arguments: list[str], code: int, words: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said() -> None:
    with simulator() as server:
        port = server.root_url.rpartition(":")[2]
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 5
    assert port in done.stderr


def test_nothing_but_the_standard_library_is_imported_on_its_path() -> None:
    script = (
        "import sys, evalharness.simulator.__main__\n"
        "outside = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "inside = {name for name in sys.modules if name.startswith('evalharness.') and 'simulator' not in name}\n"
        "print(sorted(outside), sorted(inside))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout.strip() == "['__main__', 'evalharness'] []"
