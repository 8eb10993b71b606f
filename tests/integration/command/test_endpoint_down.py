"""What many calls of one endpoint come to together: the breaker, the pause for all, the budget of retries."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from evalharness.metrics.measure import measure_trial
from tests.support.command import PROGRAM, evalharness
from tests.support.command_runs import CommandRun, letters, run_cases
from tests.support.servers import simulator
from tests.support.situations import BY_NAME, SITUATIONS, check
from tests.support.soon_probing import PROBE_AFTER_NS

REPOSITORY = Path(__file__).parents[3]
#: An attempt that is ready to go no pause holds back; the same again for a machine that is busy.
UNDER_WAY_NS = 2 * 250_000_000

Log = Sequence[Mapping[str, Any]]


def played(
    name: str,
    folder: Path,
    rules: Sequence[Mapping[str, Any]],
    n_cases: int,
    *,
    probes_soon: bool = False,
    **suite: str,
) -> tuple[CommandRun, Log]:
    """The run of the row of this name, checked by what the row says, and the server's log in the order of arrival."""
    program = [sys.executable, "-m", "tests.support.soon_probing"] if probes_soon else [PROGRAM]
    variables = {"PYTHONPATH": str(REPOSITORY)} if probes_soon else {}
    names = [f"case-{letters(n)}" for n in range(n_cases)]
    with simulator(faults={"rules": rules}, folder=folder, truth_log=folder / "truth.jsonl") as server:
        run = run_cases(folder, server.base_url, names, program=program, variables=variables, **suite)
        log = sorted(server.log(), key=lambda entry: entry["read_ns"])
    check(BY_NAME[name], run, len(log))
    return run, log


def failing(*requests: int, fault: str = "status;code=500") -> dict[str, Any]:
    """By their number, from 1."""
    return {"fault": f"{fault};attempts=every", "requests": requests}


def gaps_ns(log: Log) -> list[int]:
    return [after["read_ns"] - before["read_ns"] for before, after in pairwise(log)]


def in_order(run: CommandRun, log: Log) -> list[str]:
    """The cases, as their first requests arrived."""
    case_of = {trial.trial_id: trial.case_id for trial in run.record.plan.trials}
    return list(dict.fromkeys(case_of[entry["client_request_id"].split(".")[1]] for entry in log))


def test_each_row_is_played_by_one_test_here():
    played_here = [name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")]
    assert {row.name for row in SITUATIONS["An endpoint as a whole"]} <= set(played_here)


def test_down_and_back(tmp_path: Path):
    run, log = played(
        "down-and-back", tmp_path, [failing(*range(2, 22))], 30, probes_soon=True, endpoint="retry: {max_attempts: 1}"
    )
    assert gaps_ns(log)[20] >= PROBE_AFTER_NS
    probe = run.results[in_order(run, log)[21]]
    measured = measure_trial(probe)
    assert probe.calls[0].attempts[0].wait_ms > 0
    assert measured["latency_ms"] is not None and measured["total_ms"] is not None
    assert measured["latency_ms"] + measured["wait_ms"] <= measured["total_ms"]


def test_down_for_good(tmp_path: Path):
    _, log = played(
        "down-for-good", tmp_path, [failing(*range(2, 99))], 30, probes_soon=True, endpoint="retry: {max_attempts: 1}"
    )
    assert min(gaps_ns(log)[20:]) >= PROBE_AFTER_NS


def test_half_down(tmp_path: Path):
    requests = [number for number in range(1, 78) if number % 3 != 1]
    _, log = played(
        "half-down", tmp_path, [failing(*requests)], 80, probes_soon=True, endpoint="retry: {max_attempts: 1}"
    )
    assert gaps_ns(log)[76] >= PROBE_AFTER_NS


def test_never_up(tmp_path: Path):
    played("never-up", tmp_path, [failing(*range(1, 99))], 30, endpoint="retry: {max_attempts: 1}")


def test_key_withdrawn(tmp_path: Path):
    played("key-withdrawn", tmp_path, [failing(*range(2, 99), fault="status;code=401")], 10)


def test_all_pause(tmp_path: Path):
    rule = {"fault": "rate_limit;retry_after=2", "requests": [5]}
    run, log = played("all-pause", tmp_path, [rule], 30, load="shape: constant, rate_per_s: 10")
    told_ns = log[4]["read_ns"]
    seen_ns = [entry["read_ns"] - told_ns for entry in log]
    # Ten would have started a second.
    assert not [at_ns for at_ns in seen_ns if UNDER_WAY_NS < at_ns < 2 * 10**9]
    held = [attempt for result in run.results.values() for attempt in result.calls[0].attempts if attempt.wait_ms]
    assert len(held) >= 10
    for result in run.results.values():
        measured = measure_trial(result)
        assert measured["latency_ms"] is not None and measured["total_ms"] is not None
        assert measured["latency_ms"] + measured["wait_ms"] <= measured["total_ms"]


def test_budget_spent(tmp_path: Path):
    rules = [{"fault": "status;code=500;attempts=every", "contains": f"(case-{letter})"} for letter in "acef"]
    run, _ = played("budget-spent", tmp_path, rules, 10, endpoint="retry: {budget_share: 0.004}")
    n_attempts = [len(result.calls[0].attempts) for result in run.results.values() if result.failure is not None]
    assert sorted(n_attempts) == [1, 1, 1, 3]


def test_a_key_is_not_sent_in_clear_to_another_machine(tmp_path: Path):
    text = (
        'suite: clear\nendpoints: {e: {base_url: "http://192.0.2.1/v1", model: m}}\nprompts: {plain: hello}\n'
        "cases: [{id: c, expected: '1'}]\ngraders: [{id: answer, type: exact, expected: '{{ expected }}'}]\n"
    )
    (tmp_path / "suite.yaml").write_text(text, encoding="utf-8")
    done = evalharness("run", "suite.yaml", cwd=tmp_path)
    assert done.exit_code == 2
    assert "http:// is allowed to this machine only: key and prompts would be sent in clear" in done.stderr
    assert not (tmp_path / "reports").exists()
