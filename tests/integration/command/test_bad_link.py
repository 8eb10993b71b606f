"""The real command in one network namespace, the simulator in another, and a link between them that is bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from evalharness.core.record import TrialResult
from evalharness.metrics.measure import measure_trial
from tests.support.bad_link import FAR, bad_link
from tests.support.command import PROGRAM
from tests.support.command_runs import CommandRun, letters, run_cases
from tests.support.fault_runs import certified
from tests.support.servers import simulator
from tests.support.situations import BY_NAME, check

#: More than one answer of the profile ``latency`` takes on the wire with its handshake, and less than two.
MID_SECOND_BYTES = 32_000

Logs = Mapping[str, Sequence[Mapping[str, Any]]]


def played(
    name: str, folder: Path, n_cases: int, *, link: Mapping[str, Any], profile: str = "latency", **suite: str
) -> tuple[CommandRun, Logs, Mapping[str, int]]:
    """The run of the row of this name, the service's log by case, and what became of the packets."""
    variables, tls = certified(folder, host=FAR)
    names = [f"case-{letters(n)}" for n in range(n_cases)]
    with (
        bad_link(**link) as between,
        simulator(
            profile=profile, truth_log=folder / "truth.jsonl", arguments=["--host", FAR, *tls], place=between.far
        ) as server,
    ):
        program = [*between.near, PROGRAM]
        run = run_cases(folder, server.base_url, names, program=program, variables=variables, **suite)
        log, packets = server.log(), between.end()
    check(BY_NAME[name], run, len(log))
    return run, run.by_case(log), packets


def sent_ns(seen: Mapping[str, Any], event: str) -> list[int]:
    """When the service sent each event of this type; by the clock of this machine, which both ends have."""
    return [at_ns for name, _, at_ns, _ in seen["events"] if name == event]


def metric(result: TrialResult, name: str) -> float:
    value = measure_trial(result)[name]
    assert value is not None
    return value


def test_a_service_far_away(tmp_path: Path):
    run, log, packets = played("far", tmp_path, 4, link={"delay_ms": 25})
    assert packets["lost"] == packets["cut"] == 0
    for name, result in run.results.items():
        (seen,) = log[name]
        first_ns, *_, last_ns = sent_ns(seen, "response.output_text.delta")
        assert metric(result, "ttfo_ms") >= (first_ns - seen["read_ns"]) / 1e6 + 50
        assert metric(result, "latency_ms") >= (last_ns - seen["read_ns"]) / 1e6 + 50
    connect_ns = [result.calls[0].attempts[0].stamps.connect_ns for result in run.results.values()]
    assert all(ns is None or ns >= 100_000_000 for ns in connect_ns), "TCP and TLS 1.3 take a round trip each"


def test_packets_are_lost(tmp_path: Path):
    run, log, packets = played("lossy", tmp_path, 12, link={"delay_ms": 5, "loss": 0.05}, load="concurrency: 6")
    assert packets["lost"] > 10
    for name, result in run.results.items():
        (seen,) = log[name]
        assert result.scores["answer"].passed == seen["right"] and result.anomalies == ()
        assert result.calls[0].usage is not None and result.calls[0].usage.output_tokens == seen["output_tokens"]


def test_a_link_that_is_cut_for_good(tmp_path: Path):
    clocks = "timeouts_ms: {connect: 500, idle: 1000}"
    link = {"cut_after_bytes": MID_SECOND_BYTES}
    run, _, packets = played("torn", tmp_path, 3, link=link, endpoint=clocks)
    assert packets["cut"] > 0
    failed = [result for result in run.results.values() if result.failure is not None]
    attempts = [
        [(attempt.failure.clock, bool(attempt.partial_text)) for attempt in result.calls[0].attempts if attempt.failure]
        for result in failed
    ]
    never = [("connect", False)] * 3
    assert sorted(attempts) == sorted([[("idle", True), *never[1:]], never])


def test_a_link_that_is_cut_for_a_second(tmp_path: Path):
    link = {"cut_after_bytes": MID_SECOND_BYTES, "cut_s": 1.0}
    run, log, packets = played("mended", tmp_path, 3, link=link)
    assert packets["cut"] > 0
    assert all(len(result.calls[0].attempts) == 1 for result in run.results.values())
    latencies_ms = sorted(metric(result, "latency_ms") for result in run.results.values())
    served_ms = [(sent_ns(seen, "response.completed")[0] - seen["read_ns"]) / 1e6 for (seen,) in log.values()]
    assert latencies_ms[-1] >= median(served_ms) + 300, "the client waited, whatever the service says it sent"
