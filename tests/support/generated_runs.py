"""Runs of all kinds for property tests, degenerate ones among them, as hypothesis strategies over options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from evalharness.core.model import Demand, GateScope, GateSpec, LevelUnit, PendingReason, Prices, Slo, Status
from evalharness.core.record import RunRecord, TrialResult
from tests.support.runs import PRICES, RULE, TRUTH, ArmTruth, make_run

SHARES = st.sampled_from([0.0, 0.02, 0.3, 1.0])
#: Money so small and so large that digits, ticks and intervals have to follow.
TINY_PRICES = Prices(input=1e-9, cached_input=1e-10, output=2e-9, as_of="2026-11-01")
HUGE_PRICES = Prices(input=9e6, cached_input=1e6, output=4e7, as_of="2026-11-01")

shapes = st.fixed_dictionaries(
    {
        "arms": st.sampled_from([1, 2, 3, ("low", "high", "none"), ("medium", "odd")]),
        "cases": st.sampled_from([1, 2, 7, 12, 25]),
        "repeats": st.integers(1, 3),
        "seed": st.integers(0, 10_000),
        "failures": SHARES,
        "incomplete": st.sampled_from([0.0, 0.2]),
        "refused": st.sampled_from([0.0, 0.2]),
        "pending": SHARES,
        "null_scores": SHARES,
        "without_usage": SHARES,
        "clusters": st.sampled_from([None, 1, 4]),
        "difficulty_spread": st.sampled_from([0.0, 1.5, 50.0]),
        "stream": st.booleans(),
        "hidden_reasoning": st.booleans(),
        "honours_effort": st.booleans(),
        "graded_share": st.booleans(),
        "turns": st.sampled_from([1, 2]),
        "prompts": st.sampled_from([("plain",), ("plain", "careful")]),
        "prices": st.sampled_from([None, PRICES, TINY_PRICES, HUGE_PRICES]),
        "decision": st.sampled_from([None, RULE, replace(RULE, margin=0.0), replace(RULE, margin=0.5, limits=())]),
        "slo": st.sampled_from([None, Slo(limits_ms={"ttfo_ms": 2_000, "total_ms": 9_000}, share_at_least=0.9)]),
        "scope": st.sampled_from(["population", "suite"]),
        "accuracy": st.sampled_from([1.0, 0.0, None]),
        "slowness": st.sampled_from([1.0, 1e-4, 1e5]),
        "in_turns": st.booleans(),
        "gates": st.booleans(),
    }
)

loads = st.fixed_dictionaries(
    {
        "levels": st.sampled_from([(), (5.0,), (4.0, 30.0)]),
        "unit": st.sampled_from(list(LevelUnit)),
        "open_per_s": st.sampled_from([None, 20.0]),
        "each_s": st.sampled_from([0.5, 4.0]),
        "trials": st.sampled_from([2, 70]),
        "cases": st.sampled_from([1, 3, 40]),
        "arms": st.sampled_from([{"swift": 1.0}, {"swift": 1.0, "thorough": 1.5}]),
        "failures": SHARES,
        "slo": st.sampled_from([None, Slo(limits_ms={"ttfo_ms": 700.0, "total_ms": 3_000.0}, share_at_least=0.9)]),
        "error_ms": st.sampled_from([None, 0.05, 30.0]),
        "coalesced": SHARES,
        "dispatch_lag_ms": st.sampled_from([0.0, 80.0]),
        "stream": st.booleans(),
        "hidden_reasoning": st.booleans(),
        "seed": st.integers(0, 10_000),
    }
)


def run_of(options: Mapping[str, object]) -> RunRecord:
    """The run of one draw of ``shapes``. ``in_turns``: no case has ended in more than one arm, so nothing pairs."""
    rest = dict(options)
    accuracy, slowness, in_turns, gates = (rest.pop(name) for name in ("accuracy", "slowness", "in_turns", "gates"))
    known = {**TRUTH, "odd": ArmTruth(accuracy=0.5, reasoning_tokens=10, ttfo_ms=100)}
    truth = {
        name: replace(
            arm,
            accuracy=arm.accuracy if accuracy is None else accuracy,
            ttfo_ms=arm.ttfo_ms * slowness,
            pace_ms=arm.pace_ms * slowness,
        )
        for name, arm in known.items()
    }
    run = make_run(truth=truth, **rest)
    run = _in_turns(run) if in_turns else run
    return _with_gates(run) if gates else run


def _with_gates(run: RunRecord) -> RunRecord:
    """A gate of each kind; comparisons are of the last arm with the first."""
    gates = [
        GateSpec(number=1, demand=Demand.AT_LEAST, metric="answer", limit=0.8),
        GateSpec(number=2, demand=Demand.AT_MOST, metric="total_ms", limit=2_500.0, quantile=0.95),
        GateSpec(number=3, demand=Demand.AT_MOST, metric="cost_usd", limit=0.002),
        GateSpec(number=4, demand=Demand.AT_MOST, metric="error_share", limit=0.01),
        GateSpec(number=5, demand=Demand.MUST_PASS, tag="hard"),
    ]
    if len(run.plan.arms) > 1:
        first, last = (dict(run.plan.arms[place].key) for place in (0, -1))
        pair = {"scope": GateScope.ARMS, "arm": last, "to": first}
        gates += [
            GateSpec(number=6, demand=Demand.NON_INFERIOR, metric="answer", limit=0.02, **pair),
            GateSpec(number=7, demand=Demand.IMPROVED, metric="answer", **pair),
            GateSpec(number=8, demand=Demand.EQUIVALENT, metric="answer", limit=0.05, **pair),
            GateSpec(number=9, demand=Demand.RATIO_AT_MOST, metric="total_ms", limit=1.15, **pair),
            GateSpec(number=10, demand=Demand.RATIO_AT_MOST, metric="cost_per_correct_usd", limit=1.1, **pair),
        ]
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, gates=tuple(gates))))


def _in_turns(run: RunRecord) -> RunRecord:
    arms = {arm.arm_id: place for place, arm in enumerate(run.plan.arms)}
    cases = {case.case_id: place for place, case in enumerate(run.plan.suite.cases)}
    dropped = {
        trial.trial_id: TrialResult(
            trial_id=trial.trial_id, status=Status.PENDING, pending_reason=PendingReason.INTERRUPTED
        )
        for trial in run.plan.trials
        if cases[trial.case_id] % len(arms) != arms[trial.arm_id]
    }
    return replace(run, results={**run.results, **dropped})
