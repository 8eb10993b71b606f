"""The real command against servers nobody here wrote: llama.cpp with real weights, fastresponses, llmock."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evalharness.local.weights import cache_folder, find
from tests.support.command import evalharness, exported
from tests.support.local_model import weights_folder
from tests.support.third_party import open_responses_app, served, third_party

SUITE = """
suite: others
endpoints: {e: ENDPOINT}
prompts: {plain: "{{ q }}"}
request: {max_output_tokens: 16}
cases:
  - {id: sum, vars: {q: "3 + 4 = ?"}, expected: "7"}
  - {id: sea, vars: {q: "What colour is the sea? One word."}, expected: "blue"}
repeats: 2
graders: [{id: answer, type: contains, expected: "{{ expected }}"}]
load: {concurrency: 2}
"""


def rows_of(tmp_path: Path, endpoint: str, env: dict[str, str] | None = None) -> list[dict]:
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE.replace("ENDPOINT", endpoint), encoding="utf-8")
    done = evalharness("run", suite, cwd=tmp_path, env=env, timeout_s=300)
    assert done.exit_code == 0, done.stderr
    assert "SIMULATED" not in done.stdout
    rows = exported("latest", cwd=tmp_path)
    assert Counter(row["status"] for row in rows) == {"ok": 4}
    assert all(row["timing"]["latency_ms"] >= row["timing"]["ttfo_ms"] > 0 for row in rows)
    return rows


def test_llama_cpp_with_real_weights_starts_and_stops_with_the_run(tmp_path: Path) -> None:
    folder = weights_folder()
    if find(cache_folder()) is None:
        # The command looks into the user's cache: for this test it is the folder that was just filled.
        env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        (tmp_path / "cache" / "evalharness").mkdir(parents=True)
        (tmp_path / "cache" / "evalharness" / "models").symlink_to(folder)
    else:
        env = {}
    rows = rows_of(tmp_path, "{local: smollm2, model: smollm2}", env)
    assert all(row["output_text"] for row in rows)
    assert all(row["usage"]["output_tokens"] > 0 for row in rows)
    assert {row["usage"]["reasoning_tokens"] for row in rows} == {None}, "it reports none: missing, not zero"


def test_fastresponses(tmp_path: Path) -> None:
    with served(open_responses_app("sk-other")) as root:
        endpoint = f'{{base_url: "{root}/v1", model: seven, api_key_env: OTHER_KEY}}'
        rows = rows_of(tmp_path, endpoint, {"OTHER_KEY": "sk-other"})
    assert {row["output_text"] for row in rows} == {"The answer is 7."}
    assert {(row["case_id"], row["scores"]["answer"]["value"]) for row in rows} == {("sum", 1.0), ("sea", 0.0)}
    assert {row["usage"]["reasoning_tokens"] for row in rows} == {4}
    assert all(row["timing"]["ttfr_ms"] is not None for row in rows)


@pytest.mark.parametrize("protocol", ["responses", "chat"])
def test_llmock(tmp_path: Path, protocol: str) -> None:
    testing = third_party("llmock.testing")
    with testing.LLMockServer() as server:
        endpoint = (
            f'{{base_url: "{server.base_url("openai")}", model: any, protocol: {protocol}, api_key_env: OTHER_KEY}}'
        )
        rows = rows_of(tmp_path, endpoint, {"OTHER_KEY": "sk-other-0123456789"})
    assert all(row["output_text"] for row in rows)
