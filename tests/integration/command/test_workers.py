"""Sockets read by other processes: the same trials, the same statistics, the same behaviour under every ending."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalharness.app.api import Run
from evalharness.core.findings import Analysis
from evalharness.verdict.compare import analyse
from tests.integration.command.test_run_command import KEY, write_suite
from tests.support.command import evalharness, exported, started
from tests.support.servers import simulator

TIMES = ("request_id", "response_id", "run_id", "timing", "attempts")


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a run says but when it happened; ids of the service are random."""
    kept = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return sorted(kept, key=lambda row: row["trial_id"])


def statistics_of(folder: Path) -> dict[str, Any]:
    """The seed of the resampling comes from the run's id: the same one for both."""
    record = Run(folder).record
    analysis: Analysis = analyse(replace(record, manifest=replace(record.manifest, run_id="one")))
    return {arm.label: (arm.quality, arm.tokens, arm.cost_usd) for arm in analysis.arms}


@pytest.mark.parametrize("other", ["1", "3"])
def test_so_many_workers_give_the_trials_and_statistics_of_none(tmp_path: Path, other: str) -> None:
    runs = {}
    with simulator() as server:
        suite = write_suite(tmp_path, server.base_url)
        for workers in ("0", other):
            flags = ("--json", "--workers", workers, "--out", f"reports-{workers}")
            done = evalharness("run", suite, *flags, cwd=tmp_path, env=KEY)
            assert done.exit_code == 0, done.stderr
            runs[workers] = Path(done.json["folder"])
    rows = {workers: without_times(exported(folder, cwd=tmp_path)) for workers, folder in runs.items()}
    assert rows[other] == rows["0"]
    assert len(rows["0"]) == 24
    assert statistics_of(tmp_path / runs[other]) == statistics_of(tmp_path / runs["0"])
    observer = Run(tmp_path / runs[other]).record.observers[-1]
    assert observer.n_workers == int(other)
    assert sum(observer.loop_lag_counts.values()) > 0, "the lags are those of the processes that read"


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The worker processes below a run."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"evalharness.transport.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def wait_for(seconds: float, condition: Any) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_ctrl_c_reaches_the_run_and_not_its_workers(tmp_path: Path) -> None:
    log = tmp_path / "truth.jsonl"
    with simulator(profile="default", truth_log=log) as server:
        suite = write_suite(tmp_path, server.base_url, n=60)
        running = started("run", suite, "--workers", "2", cwd=tmp_path, env=KEY)
        server.log(at_least=5)
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 130
        rows = exported("latest", cwd=tmp_path)
        kept = [row["trial_id"] for row in rows if row["status"] != "pending"]
        assert kept
        assert not [row for row in rows if row["status"] == "error"], "calls in flight were allowed to end"
        done = evalharness("run", suite, "--workers", "1", cwd=tmp_path, env=KEY)
        assert done.exit_code == 0, done.stderr
        asked = [entry["client_request_id"].split(".")[1] for entry in server.log()]
    assert all(asked.count(trial_id) == 1 for trial_id in kept)


def test_workers_die_with_a_run_that_is_killed(tmp_path: Path) -> None:
    with simulator(profile="default", truth_log=tmp_path / "truth.jsonl") as server:
        suite = write_suite(tmp_path, server.base_url, n=60)
        running = started("run", suite, "--workers", "2", cwd=tmp_path, env=KEY)
        server.log(at_least=2)
        workers = workers_of(running)
        assert len(workers) == 2
        running.kill()
        running.communicate()
        wait_for(10, lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_a_worker_that_dies_costs_its_calls_an_attempt_and_is_replaced(tmp_path: Path) -> None:
    with simulator(profile="default", truth_log=tmp_path / "truth.jsonl") as server:
        suite = write_suite(tmp_path, server.base_url, n=30, attempts=3)
        running = started("run", suite, "--workers", "1", cwd=tmp_path, env=KEY)
        server.log(at_least=4)
        (worker,) = workers_of(running)
        os.kill(worker, signal.SIGKILL)
        _, stderr = running.communicate(timeout=60)
    assert running.returncode == 0, stderr
    rows = exported("latest", cwd=tmp_path)
    assert {row["status"] for row in rows} == {"ok"}
    retried = [row for row in rows if len(row["attempts"]) > 1]
    assert 1 <= len(retried) <= 4, "those that were in flight"
    assert all(row["attempts"][0]["failure"]["kind"] == "connection" for row in retried)


def test_workers_that_are_no_number_are_refused(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, "http://127.0.0.1:9/v1")
    done = evalharness("run", suite, "--workers", "many", cwd=tmp_path, env=KEY)
    assert done.exit_code == 2
    assert "neither auto nor a number" in done.stderr
