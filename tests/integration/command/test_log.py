"""``run --log``: the lines of a real run, their ids, and what the page says of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Finished, evalharness, exported
from tests.support.servers import simulator

PAGE = (Path(__file__).parents[3] / "evalharness" / "docs" / "log.md").read_text(encoding="utf-8")
KEY = {"LOG_KEY": "sk-log-0123456789"}
SUITE = """
suite: logged
endpoints:
  e: {base_url: "BASE", model: sim-mini, api_key_env: LOG_KEY}
prompts: {plain: "{{ question }}"}
cases:
  - {id: plain, vars: {question: "What is 14 + 20?"}, expected: "34"}
  - {id: once, vars: {question: "(once) What is 14 + 20?"}, expected: "34"}
  - {id: always, vars: {question: "(always) What is 14 + 20?"}, expected: "34"}
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
EXTRA
"""
FAULTS = {
    "rules": [
        {"fault": "status;code=503;body=text", "contains": "(once)"},
        {"fault": "status;code=400;attempts=every", "contains": "(always)"},
    ]
}


def run(folder: Path, *more: str, extra: str = "", log: str = "run.jsonl") -> tuple[Finished, list[dict[str, Any]]]:
    with simulator(faults=FAULTS, folder=folder, truth_log=folder / "truth") as server:
        text = SUITE.replace("BASE", server.base_url).replace("EXTRA", extra)
        (folder / "suite.yaml").write_text(text, encoding="utf-8")
        done = evalharness("run", "suite.yaml", "--no-report", "--log", log, *more, cwd=folder, env=KEY)
        asked = server.log()
    return done, asked


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run.jsonl").read_text(encoding="ascii").splitlines()]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("logged")
    done, asked = run(folder)
    assert done.exit_code == 3, done.stderr
    return folder, lines(folder), asked


def test_every_request_has_its_line_with_the_ids_that_the_service_saw(logged):
    _, told, asked = logged
    started = [
        f"{line['run_id']}.{line['trial_id']}.{line['turn']}" for line in told if line["event"] == "attempt.started"
    ]
    assert Counter(started) == Counter(entry["client_request_id"] for entry in asked)
    assert [line["event"] for line in told if line["event"].startswith("run.")] == ["run.started", "run.finished"]


def test_the_lines_of_a_trial_tell_its_story(logged):
    folder, told, _ = logged
    rows = {row["case_id"]: row for row in exported("latest", cwd=folder)}
    story = {
        case_id: [(line["event"], line.get("attempt")) for line in told if line.get("trial_id") == row["trial_id"]]
        for case_id, row in rows.items()
    }
    begun, ended = ("trial.started", None), ("trial.finished", None)
    assert story["plain"] == [begun, ("attempt.started", 0), ended]
    assert story["once"] == [begun, ("attempt.started", 0), ("attempt.failed", 0), ("attempt.started", 1), ended]
    assert story["always"] == [begun, ("attempt.started", 0), ("attempt.failed", 0), ended]
    failed = {line["trial_id"]: line for line in told if line["event"] == "attempt.failed"}
    once, always = (failed[rows[name]["trial_id"]] for name in ("once", "always"))
    assert (once["kind"], once["http_status"], once["wait_ms"] >= 500) == ("server", 503, True)
    assert (always["kind"], always["http_status"], always["wait_ms"]) == ("request", 400, None)
    assert (once["reason"], always["reason"]) == ("server may pass", "request is never retried")
    for line in told:
        if line["event"] == "trial.finished":
            row = next(row for row in rows.values() if row["trial_id"] == line["trial_id"])
            assert (line["status"], line["request_id"]) == (row["status"], row["request_id"])
            assert line["latency_ms"] == row["timing"]["latency_ms"]
            assert line["scores"] == {name: score["value"] for name, score in row["scores"].items()}


def test_the_page_names_every_event_and_field_and_no_other(logged):
    _, told, _ = logged
    rows = [row.split(" | ") for row in re.findall(r"^\| (`.*) \|$", PAGE, re.MULTILINE)]
    named = {
        cells[0].strip("`"): set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^()]*\)", "", cells[2]))) for cells in rows
    }
    seen: dict[str, set[str]] = {}
    for line in told:
        seen.setdefault(line["event"], set()).update(line.keys() - {"at", "event", "run_id"})
    assert seen.keys() == named.keys() - {"run.stopping"}
    assert seen == {name: fields for name, fields in named.items() if name in seen}


def test_a_resumed_run_goes_on_in_the_file_and_says_why_it_had_stopped(tmp_path: Path):
    with simulator() as server:
        text = SUITE.replace("BASE", server.base_url)
        for extra in ("budget: {max_calls: 1}\nload: {concurrency: 1}", "load: {concurrency: 1}"):
            (tmp_path / "suite.yaml").write_text(text.replace("EXTRA", extra), encoding="utf-8")
            evalharness("run", "suite.yaml", "--no-report", "--log", "run.jsonl", cwd=tmp_path, env=KEY)
    told = lines(tmp_path)
    assert len({line["run_id"] for line in told}) == 1
    (stopping,) = [line for line in told if line["event"] == "run.stopping"]
    assert stopping.keys() == {"at", "event", "run_id", "reason", "n_in_flight", "grace_s"}
    assert "1" in stopping["reason"]
    assert [line["n_finished"] for line in told if line["event"] == "run.started"] == [0, 1]
    assert Counter(line["event"] for line in told)["trial.finished"] == 3


def test_a_log_that_cannot_be_opened_is_said_before_any_call(tmp_path: Path):
    done, asked = run(tmp_path, log="no/such/folder.jsonl")
    assert (done.exit_code, asked) == (5, [])
    assert "--log no/such/folder.jsonl" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is needed")
def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path: Path):
    done, asked = run(tmp_path, log="/dev/full")
    assert done.exit_code == 3
    assert done.stderr.count("nothing more is logged") == 1
    assert len(asked) == 4


def test_a_key_is_in_no_line(logged):
    folder, _, _ = logged
    assert KEY["LOG_KEY"] not in (folder / "run.jsonl").read_text(encoding="ascii")
    assert (folder / "run.jsonl").stat().st_mode & 0o077 == 0
