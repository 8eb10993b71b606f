"""A machine without epoll and without receive stamps of the kernel, as macOS is: the same commands, what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import evalharness, exported

#: Read by every Python process below the command, simulator and workers too.
SITE = """
import select, selectors, socket

selectors.DefaultSelector = selectors.PollSelector
for name in [name for name in dir(select) if name.lower().startswith("epoll")]:
    delattr(select, name)
set_option = socket.socket.setsockopt


def setsockopt(self, *arguments):
    if arguments[:2] == (socket.SOL_SOCKET, 35):
        raise OSError("this machine does not date what arrives")
    return set_option(self, *arguments)


socket.socket.setsockopt = setsockopt
"""
SUITE = """
suite: elsewhere
endpoints:
  sim: {simulator: latency, model: sim-mini}
prompts: {plain: "{{ question }} Give only the number."}
cases:
  - {id: c, vars: {question: "3 + 4?"}, expected: "7"}
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
load: {concurrency: 2, duration_s: 2}
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of such a machine."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    yield {"PYTHONPATH": str(tmp_path / "site")}


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_is_complete_and_says_that_its_error_is_not_known(
    tmp_path: Path, elsewhere: dict[str, str], workers: str
) -> None:
    done = evalharness("run", "suite.yaml", "--json", "--workers", workers, cwd=tmp_path, env=elsewhere)
    assert done.exit_code == 0, done.stderr
    # Time ends the run: what was still planned then is pending.
    rows = [row for row in exported("latest", cwd=tmp_path) if row["status"] != "pending"]
    assert {row["status"] for row in rows} == {"ok"}
    assert all(200 <= row["timing"]["ttfo_ms"] < row["timing"]["latency_ms"] for row in rows)
    assert {row["timing"]["stamps"] for row in rows} == {None}
    assert {row["timing"]["ttfo_error_ms"] for row in rows} == {None}
    page = (tmp_path / done.json["folder"] / "report.html").read_text(encoding="utf-8")
    assert "Of all calls it is not known how far off their times are through this client" in page
    assert "Arrivals were dated by the kernel" not in page


def test_doctor_measures_the_error_that_a_run_cannot_state(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    done = evalharness("doctor", "suite.yaml", cwd=tmp_path, env=elsewhere)
    assert done.exit_code == 0, done.stderr
    assert "Arrivals are dated by this program when it reads them." in done.stdout
    assert "The kernel did not date arrivals" in done.stdout
    assert "A run on this machine cannot state its own error" in done.stdout
    figures = json.loads(evalharness("doctor", "suite.yaml", "--json", cwd=tmp_path, env=elsewhere).stdout)
    (level,) = figures["levels"]
    assert figures["machine"]["loop"] == "foreign"
    assert (level["stated_ms"], level["held_share"]) == (None, None)
    assert level["ttfo_error_ms"]["max"] > 0
    assert level["sources"] == {"user": level["n_calls"]}
