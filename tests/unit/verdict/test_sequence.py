"""Gates of a run that ends as soon as they are settled."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evalharness.core.findings import Verdict
from evalharness.core.model import Budget, Demand, GateScope, GateSpec, PendingReason, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.table import analysed_trials
from evalharness.stats.sequential import METHOD
from evalharness.verdict.sequence import SequentialGates, part_of, sequential_gates, units_in_order, why_not
from tests.support.runs import ArmTruth, make_run

TRUTH = {
    "none": ArmTruth(accuracy=0.4, reasoning_tokens=0, ttfo_ms=300),
    "high": ArmTruth(accuracy=0.9, reasoning_tokens=500, ttfo_ms=3_000),
}
BETTER = GateSpec(
    number=1,
    demand=Demand.IMPROVED,
    metric="answer",
    scope=GateScope.ARMS,
    arm={"reasoning.effort": "high"},
    to={"reasoning.effort": "none"},
)
GOOD = GateSpec(number=2, demand=Demand.AT_LEAST, metric="answer", limit=0.6, arm={"reasoning.effort": "high"})
SLOW = GateSpec(number=3, demand=Demand.AT_MOST, metric="total_ms", limit=60_000.0, quantile=0.5)


def a_run(*gates: GateSpec, **options: object) -> RunRecord:
    shape = {"arms": ("none", "high"), "cases": 200, "repeats": 2, "failures": 0.0, "truth": TRUTH, **options}
    run = make_run(**shape)
    suite = replace(run.plan.suite, gates=gates, budget=Budget(stop_when_settled=True))
    return replace(run, plan=replace(run.plan, suite=suite))


def test_a_clear_difference_is_settled_long_before_the_last_case() -> None:
    run = a_run(BETTER, GOOD, SLOW)
    gates = SequentialGates(run.plan)
    units = units_in_order(run.plan)
    needed = 0
    while not gates.are_settled:
        gates.after(part_of(run, units[needed]))
        needed += 1
    assert 5 < needed < 120
    assert {found.verdict for found in gates.findings()} == {Verdict.PASS}


def test_a_verdict_once_given_is_that_of_the_whole_run() -> None:
    """What the run stopped for is what its report says, whatever calls in flight still brought."""
    run = a_run(BETTER, GOOD)
    gates = SequentialGates(run.plan)
    for unit in units_in_order(run.plan)[:120]:
        gates.after(part_of(run, unit))
    early, late = gates.findings(), sequential_gates(run)
    assert [found.verdict for found in early] == [found.verdict for found in late] == [Verdict.PASS] * 2
    assert all(found.is_sequential and found.n_cases == 200 for found in late)
    assert all(found.estimate is not None and found.estimate.method == METHOD for found in late)


def test_a_gate_at_its_limit_stays_open() -> None:
    same = {"none": TRUTH["high"], "high": TRUTH["high"]}
    (found,) = sequential_gates(a_run(BETTER, truth=same, cases=60))
    assert found.verdict is Verdict.INCONCLUSIVE


def test_what_came_after_a_case_that_is_not_complete_is_left_out() -> None:
    run = a_run(GOOD)
    units = units_in_order(run.plan)
    open_trial = units[50][0]
    pending = TrialResult(trial_id=open_trial.trial_id, status=Status.PENDING, pending_reason=PendingReason.SETTLED)
    cut = replace(run, results={**run.results, open_trial.trial_id: pending})
    (found,) = sequential_gates(cut)
    assert found.n_cases == 50
    assert open_trial.case_id not in {trial.case_id for trial in analysed_trials(cut)}


def test_missing_scores_hold_a_verdict_back_and_are_counted() -> None:
    (whole,) = sequential_gates(a_run(GOOD))
    (holed,) = sequential_gates(a_run(GOOD, null_scores=0.6))
    assert whole.verdict is Verdict.PASS and whole.n_missing == 0
    assert holed.verdict is Verdict.INCONCLUSIVE and holed.n_missing > 50
    assert holed.estimate is None and holed.worst is not None and holed.best is not None


def test_cases_of_a_cluster_enter_together() -> None:
    run = a_run(GOOD, clusters=20)
    assert len(units_in_order(run.plan)) == 20
    (found,) = sequential_gates(run)
    assert found.n_cases == 200 and found.estimate is not None and found.estimate.n_clusters == 20


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        (replace(SLOW, quantile=None, number=4), "gate 4 .* no limits"),
        (GateSpec(number=5, demand=Demand.MUST_PASS, tag="critical"), "gate 5 .*all of its cases"),
        (replace(GOOD, scope=GateScope.BASELINE_RUN, number=6), "gate 6"),
    ],
)
def test_a_gate_that_cannot_be_watched_is_named_before_anything_is_sent(gate: GateSpec, reason: str) -> None:
    found = why_not(a_run(GOOD, gate).plan.suite)
    assert found is not None and re.search(reason, found)


def test_a_run_of_gates_with_limits_can_be_watched() -> None:
    assert why_not(a_run(BETTER, GOOD, SLOW).plan.suite) is None
