"""Gates of any run: a better arm and a wider limit never make a verdict worse, and nothing that was recorded raises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.core.findings import GateFindings, Outcome, Reason, Standing, Verdict
from evalharness.core.model import DecisionRule, Demand, GateScope, GateSpec
from evalharness.core.record import RunRecord, Score
from evalharness.metrics.catalog import CATALOG
from evalharness.verdict.decision import decide
from evalharness.verdict.gates import judge_run_gates
from evalharness.verdict.view import view
from tests.support.generated_runs import run_of, shapes
from tests.support.latency_runs import make_latency_run
from tests.support.runs import RULE, make_run

ORDER = [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS]
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
ABSOLUTE = [Demand.AT_LEAST, Demand.AT_MOST]
SHARES = ["answer", "brief", "error_share"]
#: One of a kind: times that all, some and no answers have, tokens, rates, money.
METRICS = ["total_ms", "ttfr_ms", "tpot_ms", "output_tokens", "visible_tokens_per_s", "cost_usd"]


def gate(demand: Demand, limit: float | None, metric: str = "answer", **options) -> GateSpec:
    return GateSpec(number=1, demand=demand, limit=limit, metric=metric, **options)


def judged(run: RunRecord, *gates: GateSpec) -> tuple[GateFindings, ...]:
    suite = replace(run.plan.suite, gates=gates)
    return judge_run_gates(view(replace(run, plan=replace(run.plan, suite=suite)), n_resamples=200))


def rank(run: RunRecord, spec: GateSpec) -> int:
    (finding,) = judged(run, spec)
    return ORDER.index(finding.verdict)


@st.composite
def all_gates(draw: st.DrawFn) -> tuple[GateSpec, ...]:
    """One of each demand, alone and between arms, on metrics of every kind."""
    between = {"scope": GateScope.ARMS, "to": {"reasoning.effort": draw(st.sampled_from(["none", "low", "high"]))}}
    tag = draw(st.sampled_from([None, "hard", "money", "nobody has it"]))
    share, metric = draw(st.sampled_from(SHARES)), draw(st.sampled_from(METRICS))
    limit = draw(st.sampled_from([1e-9, 0.01, 0.5, 0.99, 1.5, 1e9]))
    quantile = draw(st.sampled_from([None, 0.01, 0.5, 0.99]))
    found = [gate(demand, min(limit, 0.99), share, tag=tag) for demand in ABSOLUTE]
    found += [gate(demand, limit, metric, quantile=quantile, tag=tag) for demand in ABSOLUTE]
    found += [gate(Demand.NON_INFERIOR, min(limit, 0.99), share, tag=tag, **between)]
    found += [gate(Demand.EQUIVALENT, min(limit, 0.99), share, tag=tag, **between)]
    found += [gate(Demand.IMPROVED, None, share, tag=tag, **between)]
    found += [gate(Demand.RATIO_AT_MOST, limit, metric, quantile=quantile, tag=tag, **between)]
    if CATALOG[metric].higher_is_better is not None:
        found += [gate(Demand.IMPROVED, None, metric, quantile=quantile, tag=tag, **between)]
    found += [gate(Demand.AT_MOST, limit, "cost_per_correct_usd", tag=tag)]
    found += [gate(Demand.RATIO_AT_MOST, limit, "cost_per_correct_usd", tag=tag, **between)]
    found += [
        gate(Demand.MUST_PASS, None, "", tag=tag or "hard"),
        gate(Demand.IMPROVED, None, scope=GateScope.BASELINE_RUN),
    ]
    return tuple(replace(spec, number=number) for number, spec in enumerate(found, 1))


def check(finding: GateFindings) -> None:
    decided = finding.verdict is not Verdict.INCONCLUSIVE
    assert decided == (finding.reason is None)
    assert decided or finding.clause
    assert finding.p_fail is None or 0 < finding.p_fail <= finding.p_fail_adjusted <= 1
    assert not (
        finding.verdict is Verdict.FAIL and finding.p_fail_adjusted is not None and finding.p_fail_adjusted > 0.05
    )
    for estimate in (finding.estimate, finding.worst, finding.best):
        if estimate is None:
            continue
        limits = [each for each in (estimate.lower, estimate.point, estimate.upper) if each is not None]
        assert all(map(math.isfinite, limits)) and limits == sorted(limits)
        assert estimate.lower is None or estimate.upper is None or estimate.lower < estimate.upper
        assert estimate.level == 0.90
        if finding.spec.metric in SHARES:
            low = 0 if finding.against is None else -1
            assert low <= limits[0] and limits[-1] <= 1
        else:
            assert limits[0] >= 0
    if finding.settling is not None and finding.settling.cases is not None:
        assert finding.settling.cases > 0


@SETTINGS
@given(options=shapes, gates=all_gates())
def test_whatever_a_run_recorded_its_gates_have_a_verdict(options: dict, gates: tuple[GateSpec, ...]):
    run = run_of(dict(options))
    for finding in judged(run, *gates):
        check(finding)
        assert finding.arm_id in {arm.arm_id for arm in run.plan.arms}


@settings(SETTINGS, max_examples=10)
@given(
    gates=all_gates(),
    options=st.fixed_dictionaries({"seed": st.integers(0, 100), "levels": st.sampled_from([(), (5.0, 20.0)])}),
)
def test_whatever_a_latency_run_recorded_its_gates_have_a_verdict(gates: tuple[GateSpec, ...], options: dict):
    run = make_latency_run(arms={"swift": 1.0, "slow": 2.0}, open_per_s=10.0, trials=60, each_s=4.0, **options)
    own = run.plan.suite.graders[0].grader_id
    here = [replace(spec, metric=own) if spec.metric in ("answer", "brief") else spec for spec in gates]
    for finding in judged(run, *(replace(spec, to={"model": "swift"}) if spec.to else spec for spec in here)):
        check(finding)


LIMITS = {
    Demand.AT_LEAST: [0.95, 0.8, 0.6, 0.4, 0.2],
    Demand.AT_MOST: [0.2, 0.4, 0.6, 0.8, 0.95],
    Demand.NON_INFERIOR: [0.0, 0.02, 0.1, 0.3],
    Demand.EQUIVALENT: [0.02, 0.1, 0.3, 0.6],
}


@pytest.mark.parametrize("demand", LIMITS)
@settings(SETTINGS, max_examples=8)
@given(
    seed=st.integers(0, 10_000),
    cases=st.sampled_from([5, 12, 40]),
    repeats=st.integers(1, 2),
    missing=st.sampled_from([0.0, 0.1]),
)
def test_a_wider_limit_never_makes_a_verdict_worse(demand: Demand, seed: int, cases: int, repeats: int, missing: float):
    run = make_run(arms=2, cases=cases, repeats=repeats, seed=seed, null_scores=missing)
    among = {"arm": {"reasoning.effort": "low"}}
    if demand not in ABSOLUTE:
        among |= {"scope": GateScope.ARMS, "to": {"reasoning.effort": "none"}}
    ranks = [rank(run, gate(demand, limit, **among)) for limit in LIMITS[demand]]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("demand", "limit"), [(Demand.AT_LEAST, 0.7), (Demand.NON_INFERIOR, 0.05), (Demand.IMPROVED, None)]
)
@settings(SETTINGS, max_examples=8)
@given(seed=st.integers(0, 10_000), cases=st.sampled_from([12, 40, 80]), missing=st.sampled_from([0.0, 0.05]))
def test_a_better_arm_never_has_a_worse_verdict(
    demand: Demand, limit: float | None, seed: int, cases: int, missing: float
):
    """Step by step more of the candidate's wrong answers are right."""
    run = make_run(arms=2, cases=cases, repeats=1, seed=seed, null_scores=missing, failures=0)
    among = {"arm": {"reasoning.effort": "low"}}
    if demand not in ABSOLUTE:
        among |= {"scope": GateScope.ARMS, "to": {"reasoning.effort": "none"}}
    ranks = [rank(mended(run, share), gate(demand, limit, **among)) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert ranks == sorted(ranks)


def mended(run: RunRecord, share: float) -> RunRecord:
    """With the first ``share`` of the second arm's wrong answers right."""
    arm = run.plan.arms[1].arm_id
    wrong = [
        trial.trial_id
        for trial in run.plan.trials
        if trial.arm_id == arm and (score := run.results[trial.trial_id].scores.get("answer")) and score.value == 0
    ]
    right = Score(grader="numeric", value=1.0, passed=True)
    results = dict(run.results)
    for trial_id in wrong[: round(share * len(wrong))]:
        result = results[trial_id]
        results[trial_id] = replace(result, scores={**result.scores, "answer": right})
    return replace(run, results=results)


RULES = [
    replace(RULE, rule="best_within_limits", margin=0.0),
    replace(RULE, rule="best_within_limits", margin=0.1, limits=()),
    replace(RULE, rule="best_value", margin=0.0, value_per_correct_usd=0.01),
    replace(RULE, rule="best_value", margin=0.0, value_per_correct_usd=1e6, limits=()),
]


@settings(SETTINGS, max_examples=40)
@given(options=shapes, rule=st.sampled_from(RULES))
def test_whatever_a_run_recorded_each_rule_has_an_outcome_that_its_standings_bear_out(
    options: dict, rule: DecisionRule
):
    seen = view(run_of(dict(options)), n_resamples=200)
    costs = [seen.metric("cost_usd", arm).means for arm in range(len(seen.arms))]
    found = decide(seen, rule, [None if np.isnan(each).all() else float(np.nanmean(each)) for each in costs])
    for standing in found.standings:
        gap = standing.gap
        assert gap is None or all(map(math.isfinite, filter(None, (gap.lower, gap.point, gap.upper))))
        if standing.arm_id == found.arm_id and found.outcome is Outcome.USE:
            assert standing.standing is Standing.ADMISSIBLE and found.held_back is None
            assert gap is None or gap.lower is None or gap.lower > -rule.margin


def test_swapping_the_arms_turns_a_difference_and_its_verdict():
    run = make_run(arms=2, cases=60, repeats=2, seed=3)
    ahead = gate(Demand.IMPROVED, None, scope=GateScope.ARMS, to={"reasoning.effort": "none"})
    behind = replace(ahead, to={"reasoning.effort": "low"})
    one, other = judged(run, ahead)[0], judged(run, behind)[0]
    assert one.estimate.point == pytest.approx(-other.estimate.point)
    assert one.estimate.lower == pytest.approx(-other.estimate.upper)
    assert ORDER.index(one.verdict) == 2 - ORDER.index(other.verdict)
    assert Reason.HOLM not in (one.reason, other.reason)
