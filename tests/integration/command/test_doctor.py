"""``doctor``: the real command against the server it starts, and against suites it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import evalharness

SUITE = """
suite: small
endpoints:
  e: {base_url: "http://127.0.0.1:9/v1", model: m, api_key_env: NO_SUCH_KEY}
prompts: {plain: "{{ question }}"}
cases:
  - {id: c, vars: {question: "3 + 4?"}, expected: "7"}
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
load: LOAD
"""


def suite(folder: Path, load: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(SUITE.replace("LOAD", load), encoding="utf-8")
    return path


def test_a_suite_s_load_is_measured_on_the_built_in_server_without_its_endpoint_or_key(tmp_path: Path) -> None:
    proxy = {"HTTPS_PROXY": "http://user:secret-word@proxy.example:3128"}
    done = evalharness("doctor", suite(tmp_path, "{concurrency: 2}"), cwd=tmp_path, env=proxy)
    assert done.exit_code == 0, done.stderr
    assert "the built-in server" in done.stdout
    assert "\n2 in flight " in done.stdout
    assert "At 2 in flight this client was off by" in done.stdout
    assert "are right to 1%." in done.stdout
    told = [line.split()[1] for line in done.stdout.splitlines() if line.startswith((" ok ", "  ! "))]
    assert told == ["disk", "descriptors", "clock", "proxy", "certificates"]
    assert "HTTPS_PROXY (proxy.example:3128), not used" in done.stdout
    assert "secret-word" not in done.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "suite.yaml"], "nothing is left behind"


def test_an_open_load_says_how_late_calls_were_sent_and_json_has_every_figure(tmp_path: Path) -> None:
    path = suite(tmp_path, "{shape: constant, rate_per_s: 5}")
    done = evalharness("doctor", path, "--json", "--workers", "1", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    (level,) = done.json["levels"]
    assert (level["label"], level["n_calls"], level["n_failed"], level["n_compared"]) == ("5 a second", 15, 0, 15)
    for name in ("ttfo_error_ms", "latency_error_ms", "stated_ms", "dispatch_ms", "read_lag_ms", "server_late_ms"):
        assert 0 <= level[name]["p50"] <= level[name]["p99"] <= level[name]["max"], name
    assert sum(level["sources"].values()) == 15
    assert done.json["machine"]["n_workers"] == 1
    assert len(done.json["advice"]) >= 2
    assert {check["name"] for check in done.json["checks"]} > {"disk", "clock"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml does not exist"),
        (["suite.yaml", "--workers", "many"], "neither auto nor a number"),
        (["suite.yaml", "--endpoint", "other"], "other"),
        (["broken.yaml"], "broken.yaml:1:1"),
        (["huge.yaml"], "calls in flight"),
    ],
    ids=["no file", "workers", "no such endpoint", "no suite", "more than this machine holds"],
)
def test_what_cannot_be_measured_is_said_before_anything_starts(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    suite(tmp_path, "{concurrency: 10000000}").rename(tmp_path / "huge.yaml")
    suite(tmp_path, "{concurrency: 2}")
    (tmp_path / "broken.yaml").write_text("suit: typo\n", encoding="utf-8")
    done = evalharness("doctor", *arguments, cwd=tmp_path)
    assert done.exit_code == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
