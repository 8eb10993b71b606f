"""What a drift of times takes away and what it widens, on generated runs with one planted and on steady ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.findings import Drift, GateFindings, NoPrice, Reading, Reason, Verdict
from evalharness.core.model import Demand, GateScope, GateSpec
from evalharness.core.record import RunRecord
from evalharness.verdict.baseline_against import against_run
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.baseline_trials import trials_of
from evalharness.verdict.compare import analyse
from evalharness.verdict.drift import CONFOUNDED, drift_remark
from evalharness.verdict.gates import judge_run_gates
from evalharness.verdict.view import view
from tests.support.runs import ArmTruth, make_run

#: Two arms that take alike long, and answer alike well.
ALIKE = {name: ArmTruth(accuracy=0.6, reasoning_tokens=40, ttfo_ms=500) for name in ("none", "low", "medium")}
STEADY = {
    "arms": 2,
    "cases": 60,
    "repeats": 2,
    "failures": 0.0,
    "incomplete": 0.0,
    "retries": 0.0,
    "decision": None,
    "truth": ALIKE,
}
BETWEEN = {"scope": GateScope.ARMS, "arm": {"reasoning.effort": "low"}, "to": {"reasoning.effort": "none"}}
TIMES = ("total_ms", "ttfo_ms")


def time_gate(demand: Demand, limit: float, **more: object) -> GateSpec:
    return GateSpec(number=1, demand=demand, metric="total_ms", limit=limit, **more)


def with_gates(run: RunRecord, *gates: GateSpec) -> RunRecord:
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, gates=gates)))


def judged(run: RunRecord, gate: GateSpec, baseline: RunRecord | None = None) -> GateFindings:
    seen = view(with_gates(run, gate), n_resamples=200)
    paired = None if baseline is None else PairedBaseline(seen, trials_of(view(baseline)))
    return judge_run_gates(seen, paired)[0]


def test_a_planted_drift_and_planted_spells_are_found_and_told_apart():
    drifted = analyse(make_run(**STEADY, drift=0.8), n_resamples=200)
    assert drifted.drift is not None
    assert drifted.drift.moved
    assert drifted.drift.half_ratio == pytest.approx((1 + 0.8 * 3 / 4) / (1 + 0.8 / 4), rel=0.15)
    (said,) = [banner for banner in drifted.banners if banner.startswith("Times drifted")]
    assert "Interleaved arms met the same minutes" in said
    spells = analyse(make_run(**{**STEADY, "cases": 150}, spells=0.8), n_resamples=200)
    assert spells.drift is not None
    assert spells.drift.in_spells
    assert not any(banner.startswith("Times drifted") for banner in spells.banners) or spells.drift.moved


def test_interleaved_arms_that_drift_are_compared_as_ever():
    run = make_run(**STEADY, drift=0.8)
    seen = view(run, n_resamples=200)
    assert seen.drift is not None
    found = analyse(run, n_resamples=200).ratios["total_ms"][run.plan.arms[1].arm_id]
    assert not any("confounded" in caution for caution in found.cautions)
    gate = judged(run, time_gate(Demand.RATIO_AT_MOST, 1.5, **BETWEEN))
    assert (gate.verdict, gate.clause) == (Verdict.PASS, "")


def test_times_of_arms_in_turn_are_read_as_too_close_wherever_they_are_compared():
    """The later arm is a half slower by the hour alone."""
    run = make_run(**{**STEADY, "arms": 3, "cases": 100}, drift=1.0, one_by_one=True)
    steady = make_run(**{**STEADY, "arms": 3, "cases": 100}, one_by_one=True)
    found = analyse(run, n_resamples=200)
    assert found.drift is not None
    assert found.drift.confounded
    for metric in TIMES:
        for comparison in found.ratios[metric].values():
            assert comparison.reading is Reading.TOO_CLOSE
            assert comparison.cautions[0] == CONFOUNDED
    assert all(step.time_ratio.reading is Reading.TOO_CLOSE for step in found.steps)
    assert all(item.rises is None for item in found.ordered if item.metric in TIMES)
    assert any(banner.startswith("The arms ran one after the other while times drifted") for banner in found.banners)
    assert analyse(steady, n_resamples=200).drift is None
    gate = time_gate(Demand.RATIO_AT_MOST, 1.2, **BETWEEN)
    barred = judged(run, gate)
    assert (barred.verdict, barred.reason, barred.clause) == (Verdict.INCONCLUSIVE, Reason.BARRED, CONFOUNDED)
    assert judged(steady, gate).verdict is Verdict.PASS


def test_what_waiting_a_point_costs_cannot_be_told_of_arms_in_turn():
    truth = {**ALIKE, "low": ArmTruth(accuracy=0.95, reasoning_tokens=400, ttfo_ms=1_500)}
    shape = {**STEADY, "cases": 150, "truth": truth}
    known = analyse(make_run(**shape, one_by_one=True), n_resamples=200).steps[0].ms_per_score
    assert known is not None
    assert known.estimate is not None
    (step,) = analyse(make_run(**shape, drift=0.8, one_by_one=True), n_resamples=200).steps
    assert step.ms_per_score is not None
    assert step.ms_per_score.why_not is NoPrice.CANNOT_TELL
    assert step.usd_per_score is not None
    assert step.usd_per_score.estimate is not None, "money does not depend on the hour"


def test_an_earlier_run_is_no_baseline_for_times_that_drifted_much():
    steady, small, large = (make_run(**{**STEADY, "cases": 120}, drift=drift) for drift in (0.0, 0.16, 0.8))
    gate = time_gate(Demand.RATIO_AT_MOST, 2.0, scope=GateScope.BASELINE_RUN)
    assert judged(steady, gate, steady).verdict is Verdict.PASS
    noted = judged(small, gate, steady)
    assert noted.verdict is Verdict.PASS
    assert noted.clause.startswith("times rose by ")
    barred = judged(large, gate, steady)
    assert (barred.verdict, barred.reason) == (Verdict.INCONCLUSIVE, Reason.BARRED)
    assert "within this run, and the baseline ran at another" in barred.clause
    found = against_run(PairedBaseline(view(large, n_resamples=200), trials_of(view(steady))))
    assert {comparison.reading for comparison in found["total_ms"]} == {Reading.TOO_CLOSE}
    assert not any("confounded" in caution for comparison in found["cost_usd"] for caution in comparison.cautions)


def test_a_limit_of_one_arm_that_drifted_keeps_its_verdict_and_says_so():
    gate = time_gate(Demand.AT_MOST, 60_000.0, quantile=0.95, arm={"reasoning.effort": "low"})
    found = judged(make_run(**STEADY, drift=0.8), gate)
    assert found.verdict is Verdict.PASS
    assert found.clause.startswith("times rose by ")
    assert judged(make_run(**STEADY), gate).clause == ""


def test_a_mean_of_times_that_drifted_decides_nothing():
    found = judged(make_run(**STEADY, drift=0.8), time_gate(Demand.AT_MOST, 60_000.0))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.BARRED)
    assert "name a `quantile`" in found.clause


@pytest.mark.parametrize(("of_two_runs", "end"), [(False, "which the interval allows for"), (True, "at another time")])
def test_a_remark_on_spells_says_what_it_means_for_the_verdict(of_two_runs, end):
    spells = Drift(
        rho=0.0, p_value=0.5, half_ratio=1.0, lag1=0.4, n=300, moved=False, in_spells=True, effective_share=0.5
    )
    said = drift_remark(spells, of_two_runs=of_two_runs)
    assert said.endswith(end)
    assert "spells" not in said
    assert drift_remark(None, of_two_runs=of_two_runs) == ""
