"""llmock judges the real command: what it broke on purpose, and what the client made of that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.support.command_runs import letters, run_cases
from tests.support.situations import BY_NAME, check
from tests.support.third_party import third_party

scenarios = third_party("llmock.scenarios")
testing = third_party("llmock.testing")

LLMOCK = str(Path(sys.executable).parent / "llmock")


def verdict(url: str) -> tuple[int, dict[str, Any]]:
    """Exit code of ``llmock report``, 1 where a client misbehaved, and what it found, warnings too."""
    done = subprocess.run(
        [LLMOCK, "report", "--url", url, "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout)


def test_llmock_passes_the_client(tmp_path: Path):
    """Its one warning: a malformed stream was followed by no retry. It was, as its own count of attempts says; but
    llmock takes what follows a stream that was sent to its end for another call, which is why it counts seven."""
    with testing.LLMockServer() as server:
        # In this order: errors first, and of each kind as it stands here.
        server.state.scenarios.add(
            scenarios.Fail(429, retry_after=1),
            scenarios.Fail(500),
            scenarios.Fail(400),
            scenarios.StreamFault("truncate", after_chunks=5),
            scenarios.StreamFault("disconnect", after_chunks=5),
            scenarios.StreamFault("stall", after_chunks=4, stall_seconds=3),
            scenarios.StreamFault("malformed", after_chunks=5),
        )
        run = run_cases(
            tmp_path, server.base_url("openai"), [f"case-{letters(n)}" for n in range(6)],
            endpoint="timeouts_ms: {idle: 1000}",
        )  # fmt: skip
        code, found = verdict(server.url)
    check(BY_NAME["judged"], run, found["attempts"])
    assert (code, found["passed"], found["errors"]) == (0, True, 0)
    assert [finding["code"] for finding in found["findings"]] == ["malformed_chunk_ignored"]
    assert (found["calls"], found["faults_injected"]) == (7, 7)
    kinds = [
        [attempt.failure and attempt.failure.kind for attempt in result.calls[0].attempts]
        for result in run.results.values()
    ]
    assert sorted(map(len, kinds)) == [1, 1, 1, 2, 3, 3]
    assert ["rate_limit", "server", "request"] in kinds and ["stream_cut", "stream_cut", "timeout"] in kinds
    assert ["protocol", None] in kinds


def test_llmock_does_find_fault_with_a_client_that_comes_back_too_early(tmp_path: Path):
    with testing.LLMockServer() as server:
        server.state.scenarios.add(scenarios.Fail(429, retry_after=5))
        body = json.dumps({"model": "gpt-4o", "input": "What is 4 + 3?"}).encode()
        for _ in range(2):
            headers = {"content-type": "application/json", "authorization": "Bearer sk-test-0123456789"}
            try:
                urlopen(Request(f"{server.base_url('openai')}/responses", body, headers), timeout=10).close()
            except HTTPError as refused:
                refused.close()
        code, found = verdict(server.url)
    assert code == 1 and found["errors"] == 1
