"""The real command, nginx, and the simulator behind it: three records of the same requests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from evalharness.metrics.measure import measure_trial
from evalharness.verdict.compare import analyse
from evalharness.verdict.notes import ZERO_GAP_SHARE
from tests.support.command_runs import CommandRun, letters, run_cases
from tests.support.nginx import nginx
from tests.support.servers import simulator
from tests.support.situations import BY_NAME, check

Log = Sequence[Mapping[str, Any]]


def played(
    name: str,
    way: str,
    folder: Path,
    cases: Sequence[str],
    *,
    rules: Sequence[Mapping[str, Any]] = (),
    profile: str = "instant",
    **suite: str,
) -> tuple[CommandRun, Log, Log]:
    """The run of the row of this name, nginx's log and the service's. Each attempt is in nginx's."""
    truth = folder / "truth.jsonl"
    with (
        simulator(profile=profile, faults={"rules": rules}, folder=folder, truth_log=truth) as server,
        nginx(server.root_url, folder) as proxy,
    ):
        run = run_cases(folder, f"{proxy.url}/{way}/v1", cases, **suite)
        passed, served = proxy.log(), server.log()
    check(BY_NAME[name], run, len(passed))
    recorded = Counter(
        (result.trial_id, attempt.http_status)
        for result in run.results.values()
        for call in result.calls
        for attempt in call.attempts
    )
    assert Counter((entry["client_request_id"].split(".")[1], entry["status"]) for entry in passed) == recorded
    return run, passed, served


def controls(n: int) -> list[str]:
    return [f"control-{letters(number)}" for number in range(n)]


def test_deltas_in_lumps(tmp_path: Path):
    """First output after 200 ms and then 50 deltas, 10 ms apart, says the profile; some 260 bytes each."""
    run, _, served = played(
        "lumps", "buffering", tmp_path, controls(6), rules=[{"fault": "framing;kind=close"}], profile="latency"
    )
    assert len(served) == 6
    first_ms = [measure_trial(result)["ttfo_ms"] for result in run.results.values()]
    assert median(at_ms for at_ms in first_ms if at_ms is not None) > 220, "as this client saw it, not as it was sent"
    for result in run.results.values():
        (attempt,) = result.calls[0].attempts
        assert attempt.n_deltas == 50 and attempt.n_reads <= 10
        assert result.anomalies == ()
    # At most 10 of 49 gaps lie between reads. A client that was itself kept waiting does not blame the service.
    found = analyse(run.record, n_resamples=100)
    (arm,) = found.arms
    was_late = arm.coalesced_share is not None and arm.coalesced_share > ZERO_GAP_SHARE
    told = r"closed by this client, which read late" if was_late else r"in lumps, .* up to [6-9]\d% of"
    assert [note for note in found.notes if re.search(told, note)]


def test_a_proxy_that_loses_patience(tmp_path: Path):
    rules = [
        {"fault": "stall;where=head;attempts=every", "contains": "(silent-head)"},
        {"fault": "stall;attempts=every", "contains": "(silent-middle)"},
    ]
    cases = ["silent-head", "silent-middle", *controls(6)]
    run, passed, served = played("impatient", "strict", tmp_path, cases, rules=rules, load="concurrency: 8")
    assert len(served) == len(passed)
    assert {entry["coding"] for entry in passed} == {""}
    head, middle = run.results["silent-head"], run.results["silent-middle"]
    assert head.failure is not None and "HTTP 504 with an HTML page" in head.failure.message
    assert all(attempt.partial_text for attempt in middle.calls[0].attempts) and middle.scores == {}


def test_a_request_that_is_too_large_for_the_proxy(tmp_path: Path):
    *_, served = played("narrow", "small", tmp_path, controls(2))
    assert served == []


def test_an_idle_connection_that_the_proxy_closed(tmp_path: Path):
    _, passed, _ = played("idle", "idle", tmp_path, controls(3), load="concurrency: 1, think_ms: 1300")
    assert len({entry["connection"] for entry in passed}) == 3


def test_a_service_that_is_gone(tmp_path: Path):
    *_, served = played("gone", "gone", tmp_path, controls(2))
    assert served == []
