"""Gates of runs made by hand: who is judged, by what, in which direction, and what keeps a verdict back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from statsmodels.stats.proportion import proportion_confint

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.findings import BaselineSource, GateFindings, Reason, Verdict
from evalharness.core.model import Demand, GateScope, GateSpec, Order, PendingReason, Status
from evalharness.core.record import RunRecord, Score, TrialResult
from evalharness.verdict import gate_samples
from evalharness.verdict.compare import analyse
from evalharness.verdict.drift import CONFOUNDED
from evalharness.verdict.gates import NO_BASELINE, NO_QUANTILES, judge_run_gates, needs_trials, not_judged
from evalharness.verdict.view import RunView, view
from tests.support.latency_runs import make_latency_run
from tests.support.runs import ArmTruth, make_run

TRUTH = {
    "none": ArmTruth(accuracy=0.40, reasoning_tokens=0, ttfo_ms=300),
    "low": ArmTruth(accuracy=0.90, reasoning_tokens=100, ttfo_ms=900),
    "medium": ArmTruth(accuracy=0.90, reasoning_tokens=900, ttfo_ms=2_500),
}
BETWEEN = {"scope": GateScope.ARMS, "to": {"reasoning.effort": "none"}}
NOT_ENOUGH, PASS, FAIL, INCONCLUSIVE = Reason.NOT_ENOUGH, Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def gate(demand: Demand, limit: float | None = None, **options) -> GateSpec:
    """On the answers unless another metric is named."""
    options.setdefault("metric", "" if demand is Demand.MUST_PASS else "answer")
    return GateSpec(number=1, demand=demand, limit=limit, **options)


def a_run(*gates: GateSpec, **options) -> RunRecord:
    defaults = {"arms": 3, "cases": 120, "repeats": 1, "failures": 0, "incomplete": 0, "retries": 0, "truth": TRUTH}
    return with_gates(make_run(**{**defaults, **options}), *gates)


def with_gates(run: RunRecord, *gates: GateSpec) -> RunRecord:
    numbered = tuple(replace(spec, number=number) for number, spec in enumerate(gates, 1))
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, gates=numbered)))


def seen(run: RunRecord) -> RunView:
    return view(run, n_resamples=500)


def judged(run: RunRecord, baseline: object | None = None) -> tuple[GateFindings, ...]:
    return judge_run_gates(seen(run), baseline)


def verdicts(run: RunRecord, baseline: object | None = None) -> list[Verdict]:
    return [finding.verdict for finding in judged(run, baseline)]


# ---------------------------------------------------------------- which arms


def test_a_gate_without_a_selector_is_judged_on_every_arm_in_their_order():
    run = a_run(gate(Demand.AT_LEAST, 0.1))
    assert [finding.arm_id for finding in judged(run)] == [arm.arm_id for arm in run.plan.arms]
    assert [finding.key for finding in judged(run)] == [arm.key for arm in run.plan.arms]


def test_a_selector_narrows_to_the_arms_that_have_its_values():
    run = a_run(gate(Demand.AT_LEAST, 0.1, arm={"prompt": "careful"}), prompts=("plain", "careful"))
    assert [finding.key["reasoning.effort"] for finding in judged(run)] == ["none", "low", "medium"]


def test_arms_are_compared_with_the_arm_that_is_equal_on_the_axes_not_named():
    spec = gate(Demand.IMPROVED, arm={"reasoning.effort": "low"}, **BETWEEN)
    found = judged(a_run(spec, prompts=("plain", "careful")))
    assert [finding.against for finding in found] == [
        {"reasoning.effort": "none", "prompt": "plain"},
        {"reasoning.effort": "none", "prompt": "careful"},
    ]


def test_no_arm_is_compared_with_itself():
    found = judged(a_run(gate(Demand.IMPROVED, **BETWEEN)))
    assert [finding.key["reasoning.effort"] for finding in found] == ["low", "medium"]


def test_a_gate_whose_arms_were_not_run_is_told_before_the_figures_and_judged_nowhere():
    run = a_run(gate(Demand.AT_LEAST, 0.1), gate(Demand.AT_LEAST, 0.1, arm={"reasoning.effort": "max"}))
    assert {finding.spec.number for finding in judged(run)} == {1}
    told = not_judged(seen(run))
    assert told == ("Gate 2 was not judged: the arms that it names are not in this run.",)
    assert set(told) <= set(analyse(run, n_resamples=200).banners)


# ---------------------------------------------------------------- shares of one arm


@pytest.mark.parametrize("demand", [Demand.AT_LEAST, Demand.AT_MOST])
def test_a_share_of_single_answers_is_judged_by_the_exact_bounds_of_statsmodels(demand):
    run = a_run(*(gate(demand, limit / 100) for limit in range(30, 100, 3)), arms=1)
    right = sum(result.scores["answer"].value for result in run.results.values())
    low, high = proportion_confint(right, 120, alpha=0.10, method="beta")
    for finding in judged(run):
        limit = finding.spec.limit
        assert (finding.estimate.lower, finding.estimate.upper) == pytest.approx((low, high))
        kept, broken = (low >= limit, high < limit) if demand is Demand.AT_LEAST else (high <= limit, low > limit)
        assert finding.verdict is PASS if kept else finding.verdict is not PASS
        assert finding.verdict is not FAIL or broken
        assert (finding.n_cases, finding.estimate.level, finding.estimate.unit) == (120, 0.90, "share")


def test_errors_are_a_share_of_which_less_is_better():
    run = a_run(
        gate(Demand.AT_MOST, 0.2, metric="error_share"),
        gate(Demand.AT_MOST, 0.01, metric="error_share"),
        arms=1,
        failures=0.08,
    )
    failed = sum(result.status is Status.ERROR for result in run.results.values())
    found = judged(run)
    assert found[0].estimate.point == pytest.approx(failed / 120)
    assert [each.verdict for each in found] == [PASS, FAIL]
    better = gate(Demand.IMPROVED, metric="error_share", **BETWEEN)
    assert verdicts(failing_in(a_run(better, arms=2), 0)) == [PASS]
    assert verdicts(failing_in(a_run(better, arms=2), 1)) == [FAIL]
    no_worse = gate(Demand.NON_INFERIOR, 0.05, metric="error_share", **BETWEEN)
    assert verdicts(failing_in(a_run(no_worse, arms=2), 0)) == [PASS]
    assert verdicts(failing_in(a_run(no_worse, arms=2), 1)) == [FAIL]


def failing_in(run: RunRecord, arm: int, every: int = 4) -> RunRecord:
    """Every fourth trial of one arm failed."""
    mine = [trial for trial in run.plan.trials if trial.arm_id == run.plan.arms[arm].arm_id][::every]
    failure = Failure(kind=FailureKind.SERVER, message="overloaded")
    broken = {t.trial_id: TrialResult(trial_id=t.trial_id, status=Status.ERROR, failure=failure) for t in mine}
    return replace(run, results={**run.results, **broken})


def test_a_tag_narrows_a_gate_to_its_cases():
    run = a_run(gate(Demand.AT_LEAST, 0.5, tag="money"), arms=1, cases=200)
    (finding,) = judged(run)
    assert finding.n_cases == 20
    tagged = {case.case_id for case in run.plan.suite.cases if "money" in case.tags}
    scores = [run.results[t.trial_id].scores["answer"].value for t in run.plan.trials if t.case_id in tagged]
    assert finding.estimate.point == pytest.approx(sum(scores) / 20)


def test_fewer_than_ten_cases_decide_nothing_but_what_an_exact_test_shows():
    (few,) = judged(a_run(gate(Demand.AT_LEAST, 0.1), arms=1, cases=90, clusters=9))
    assert (few.verdict, few.reason) == (INCONCLUSIVE, Reason.FEW_CASES)
    sure = {"none": replace(TRUTH["none"], accuracy=1.0)}
    assert verdicts(a_run(gate(Demand.AT_LEAST, 0.1), arms=1, cases=9, truth=sure)) == [PASS]


# ---------------------------------------------------------------- arms against each other


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (gate(Demand.IMPROVED, **BETWEEN), [PASS, PASS]),
        (gate(Demand.NON_INFERIOR, 0.02, **BETWEEN), [PASS, PASS]),
        (gate(Demand.EQUIVALENT, 0.1, **BETWEEN), [FAIL, FAIL]),
        (gate(Demand.NON_INFERIOR, 0.15, scope=GateScope.ARMS, to={"reasoning.effort": "low"}), [FAIL, PASS]),
        (gate(Demand.EQUIVALENT, 0.15, scope=GateScope.ARMS, to={"reasoning.effort": "low"}), [FAIL, PASS]),
    ],
    ids=["improved", "not worse", "not the same", "worse", "the same"],
)
def test_shares_of_two_arms_are_judged_by_their_difference(spec, expected):
    found = judged(a_run(spec))
    assert [each.verdict for each in found] == expected
    assert all(-1 <= each.estimate.lower < each.estimate.upper <= 1 for each in found)


@pytest.mark.parametrize("metric", ["total_ms", "ttfo_ms", "output_tokens", "cost_usd"])
@pytest.mark.parametrize("quantile", [None, 0.5])
def test_times_tokens_and_money_of_two_arms_are_judged_by_their_ratio(metric, quantile):
    """The first arm against the second needs a fraction, the second against the first several times as much."""
    more = gate(Demand.RATIO_AT_MOST, 1.5, metric=metric, quantile=quantile, **BETWEEN)
    less = replace(more, to={"reasoning.effort": "low"})
    improved = replace(less, demand=Demand.IMPROVED, limit=None)
    found = judged(a_run(more, less, improved, arms=2, cases=200))
    assert [each.verdict for each in found] == [FAIL, PASS, PASS]
    assert found[0].estimate.unit == "ratio" and found[0].estimate.point > 1.5
    assert found[0].estimate.point * found[1].estimate.point == pytest.approx(1, rel=0.02)


def test_of_rates_more_is_better():
    truth = {**TRUTH, "low": replace(TRUTH["low"], pace_ms=4.0)}
    faster = gate(Demand.IMPROVED, metric="visible_tokens_per_s", **BETWEEN)
    slower = replace(faster, to={"reasoning.effort": "low"})
    assert verdicts(a_run(faster, slower, arms=2, truth=truth)) == [PASS, FAIL]


def test_what_a_right_answer_costs_is_judged_alone_and_between_arms():
    alone = gate(Demand.AT_MOST, 1.0, metric="cost_per_correct_usd")
    dear = replace(alone, limit=1e-6)
    between = gate(Demand.RATIO_AT_MOST, 0.5, metric="cost_per_correct_usd", **BETWEEN)
    run = a_run(alone, dear, between, arms=2)
    found = judged(run)
    assert [each.verdict for each in found] == [PASS, PASS, FAIL, FAIL, FAIL]
    for finding, arm in zip(found[:2], analyse(run, n_resamples=500).arms, strict=True):
        assert finding.estimate.point == pytest.approx(arm.cost_per_correct_usd.point)
    assert found[4].estimate.point == pytest.approx(found[1].estimate.point / found[0].estimate.point)


# ---------------------------------------------------------------- times and amounts of one arm


def test_a_quantile_of_a_time_counts_failed_trials_as_endless():
    spec = gate(Demand.AT_MOST, 60_000, metric="total_ms", quantile=0.9)
    (kept,) = judged(a_run(spec, arms=1))
    assert kept.verdict is PASS and kept.estimate.unit == "ms"
    (broken,) = judged(failing_in(a_run(spec, arms=1), 0))
    assert broken.verdict is FAIL and broken.estimate is None, "a quarter failed, so the 90% quantile never ended"


def test_a_mean_of_times_exists_where_no_trial_failed():
    spec = gate(Demand.AT_MOST, 5_000, metric="total_ms")
    (kept,) = judged(a_run(spec, arms=1))
    assert (kept.verdict, kept.estimate.unit) == (PASS, "ms")
    (none,) = judged(failing_in(a_run(spec, arms=1), 0))
    assert (none.verdict, none.reason) == (INCONCLUSIVE, Reason.BARRED)
    assert "name a `quantile`" in none.clause


@pytest.mark.parametrize(("metric", "unit"), [("cost_usd", "usd"), ("output_tokens", "tokens")])
def test_the_mean_and_the_quantile_of_an_amount_have_its_unit(metric, unit):
    found = judged(
        a_run(gate(Demand.AT_MOST, 1e6, metric=metric), gate(Demand.AT_MOST, 1e6, metric=metric, quantile=0.9), arms=1)
    )
    assert [each.verdict for each in found] == [PASS, PASS]
    assert [each.estimate.unit for each in found] == [unit, unit]


def test_an_answer_without_reasoning_lacks_no_time_of_reasoning():
    spec = gate(Demand.AT_MOST, 60_000, metric="ttfr_ms", quantile=0.5)
    none, low, _ = judged(a_run(spec))
    assert (none.verdict, none.n_missing, none.n_cases) == (INCONCLUSIVE, 0, 0)
    assert (low.verdict, low.n_missing) == (PASS, 0)


def test_a_latency_run_is_judged_by_its_trials():
    spec = gate(Demand.AT_MOST, 60_000, metric="total_ms", quantile=0.5)
    run = with_gates(make_latency_run(), spec)
    assert {each.verdict for each in judged(run)} == {PASS}
    assert all(each.n_cases > 0 and each.estimate.method for each in judged(run))


# ---------------------------------------------------------------- what keeps a verdict back


def test_missing_scores_keep_a_verdict_back_that_they_could_turn():
    (open_,) = judged(a_run(gate(Demand.AT_LEAST, 0.5), arms=("low",), null_scores=0.45))
    assert (open_.verdict, open_.reason) == (INCONCLUSIVE, Reason.MISSING)
    assert open_.worst.point < 0.5 + 0.1 and open_.best.point > open_.estimate.point
    (sure,) = judged(a_run(gate(Demand.AT_LEAST, 0.5), arms=("low",), null_scores=0.02))
    assert sure.verdict is PASS and sure.n_missing > 0


def test_worst_is_worse_for_the_candidate_whatever_the_metric():
    """Errors and costs: more is worse. Trials that were never sent are missing in all."""
    specs = [
        gate(Demand.AT_MOST, 0.5, metric="error_share"),
        gate(Demand.AT_LEAST, 0.5),
        gate(Demand.AT_MOST, 1.0, metric="cost_usd"),
        gate(Demand.AT_MOST, 60_000, metric="total_ms", quantile=0.5),
        gate(Demand.AT_LEAST, 1, metric="output_tokens_per_s", quantile=0.5),
    ]
    errors, answers, cost, total, rate = judged(a_run(*specs, arms=("low",), pending=0.1, failures=0.05))
    for finding in (errors, cost, total):
        assert finding.worst.point > finding.best.point
    for finding in (answers, rate):
        assert finding.worst.point < finding.best.point


def test_an_unknown_cost_counts_as_the_most_that_its_limits_allow():
    spec = gate(Demand.AT_MOST, 0.01, metric="cost_usd")
    run = failing_in(a_run(spec, arms=1), 0, every=40)
    (limited,) = judged(run)
    usd = 16_384 * 4.5e-6 * 3  # output tokens, price, attempts; the input adds little
    assert limited.worst.point - limited.best.point == pytest.approx(3 / 120 * usd, rel=0.01)
    arm = run.plan.arms[0]
    free = replace(arm, request={key: value for key, value in arm.request.items() if key != "max_output_tokens"})
    (endless,) = judged(replace(run, plan=replace(run.plan, arms=(free,))))
    assert (endless.verdict, endless.reason, endless.worst) == (INCONCLUSIVE, Reason.MISSING, None)


def test_times_of_arms_that_ran_one_after_the_other_while_times_drifted_decide_nothing():
    spec = gate(Demand.RATIO_AT_MOST, 1.5, metric="total_ms", **BETWEEN)
    run = one_after_the_other(a_run(spec, arms=2, cases=200, repeats=2, drift=1.5))
    (finding,) = judged(run)
    assert (finding.verdict, finding.reason, finding.clause) == (INCONCLUSIVE, Reason.BARRED, CONFOUNDED)
    assert finding.estimate is not None, "what was seen is still shown"
    scores = with_gates(run, gate(Demand.IMPROVED, **BETWEEN))
    assert verdicts(scores) == [PASS], "the answers do not depend on the hour"


def one_after_the_other(run: RunRecord) -> RunRecord:
    """The same trials with the stamps of a run that sent one arm after the other, and slowed all the way."""
    order = sorted(run.plan.trials, key=lambda trial: [arm.arm_id for arm in run.plan.arms].index(trial.arm_id))
    plan = replace(run.plan, suite=replace(run.plan.suite, load=replace(run.plan.suite.load, order=Order.SEQUENTIAL)))
    results = {}
    for place, (trial, donor) in enumerate(zip(order, run.plan.trials, strict=True)):
        result = run.results[donor.trial_id]
        calls = tuple(replace(call, intended_utc_ns=10**18 + place * 10**9) for call in result.calls)
        own = run.results[trial.trial_id]
        results[trial.trial_id] = replace(own, calls=calls)
    return replace(run, plan=plan, results=results)


def test_must_pass_fails_on_one_wrong_answer_and_waits_for_a_missing_one():
    sure = {"none": replace(TRUTH["none"], accuracy=1.0)}
    spec = gate(Demand.MUST_PASS, tag="money")
    run = a_run(spec, arms=1, cases=50, repeats=2, truth=sure)
    (kept,) = judged(run)
    assert (kept.verdict, kept.reason, kept.n_cases, kept.estimate) == (PASS, None, 5, None)
    trial = next(each for each in run.plan.trials if each.case_id == "case-0010")
    pending = TrialResult(trial_id=trial.trial_id, status=Status.PENDING, pending_reason=PendingReason.INTERRUPTED)
    (waiting,) = judged(replace(run, results={**run.results, trial.trial_id: pending}))
    assert (waiting.verdict, waiting.reason, waiting.n_missing) == (INCONCLUSIVE, Reason.MISSING, 1)
    wrong = replace(run.results[trial.trial_id], scores={"answer": Score(grader="numeric", value=0.0, passed=False)})
    (failed,) = judged(replace(run, results={**run.results, trial.trial_id: wrong}))
    assert (failed.verdict, failed.clause) == (FAIL, "1 trial is not right")


def test_must_pass_asks_for_the_pass_mark_of_the_primary_grader():
    spec = gate(Demand.MUST_PASS, tag="money")
    run = a_run(spec, arms=1, cases=50, truth={"none": replace(TRUTH["none"], accuracy=1.0)}, graded_share=True)
    assert verdicts(run) == [FAIL], "graded answers of 0.7 to 1 are not 1"
    suite = run.plan.suite
    lenient = tuple(replace(grader, pass_at=0.5) for grader in suite.graders)
    assert verdicts(replace(run, plan=replace(run.plan, suite=replace(suite, graders=lenient)))) == [PASS]


def test_many_gates_need_a_clearer_fail_than_one():
    alone = a_run(gate(Demand.AT_LEAST, 0.5, arm={"reasoning.effort": "none"}), cases=100)
    (finding,) = judged(alone)
    assert finding.verdict is FAIL and finding.p_fail_adjusted == finding.p_fail > 0.05 / 61
    more = [gate(Demand.AT_LEAST, 0.5, arm={"reasoning.effort": "none"}), *[gate(Demand.AT_LEAST, 0.01)] * 20]
    among = judged(with_gates(alone, *more))[0]
    assert (among.verdict, among.reason) == (INCONCLUSIVE, Reason.HOLM)
    assert among.settling.cases > 100


def test_an_open_gate_names_the_cases_that_would_settle_it():
    (found,) = judged(a_run(gate(Demand.AT_LEAST, 0.5), arms=("low",)))
    (finding,) = judged(a_run(gate(Demand.AT_LEAST, found.estimate.point - 0.02), arms=("low",)))
    assert (finding.verdict, finding.reason) == (INCONCLUSIVE, NOT_ENOUGH)
    assert finding.settling.cases > 120


# ---------------------------------------------------------------- against a baseline run


@dataclass(frozen=True)
class AnotherRun:
    """A baseline of the same plan: pairs are the same arm's samples in both runs."""

    candidate: RunView
    view: RunView
    has_trials: bool = True
    invalid: tuple[str, ...] = ()
    missing_arm: bool = False

    @property
    def source(self) -> BaselineSource:
        return BaselineSource(
            run_id="before", suite_name="s", started_utc="", is_summary=False, n_paired=1, invalid=self.invalid
        )

    def key(self, arm: int) -> Mapping | None:
        return None if self.missing_arm else self.view.arms[arm].key

    def pair(self, metric, arm, tag=None):
        if metric == "brief":
            return None
        return tuple(gate_samples.one_arm(each, metric, arm, tag) for each in (self.candidate, self.view))

    def spending_pair(self, arm, tag=None):
        return tuple(gate_samples.spending(each, arm, tag) for each in (self.candidate, self.view))


def against(run: RunRecord, before: RunRecord, **options) -> tuple[GateFindings, ...]:
    candidate = seen(run)
    return judge_run_gates(candidate, AnotherRun(candidate, seen(before), **options))


BEFORE = {"scope": GateScope.BASELINE_RUN}


def test_a_run_is_judged_against_the_same_arm_of_its_baseline():
    better = {"none": replace(TRUTH["low"], accuracy=0.7)}
    specs = [
        gate(Demand.IMPROVED, **BEFORE),
        gate(Demand.NON_INFERIOR, 0.03, **BEFORE),
        gate(Demand.RATIO_AT_MOST, 0.9, metric="total_ms", **BEFORE),
        gate(Demand.RATIO_AT_MOST, 0.9, metric="total_ms", quantile=0.5, **BEFORE),
        gate(Demand.RATIO_AT_MOST, 0.9, metric="cost_per_correct_usd", **BEFORE),
    ]
    now, before = a_run(*specs, arms=1), a_run(arms=1, truth=better, seed=2)
    found = against(now, before)
    assert [each.against for each in found] == [{}] * 5
    assert [each.verdict for each in found] == [FAIL, FAIL, PASS, PASS, PASS]
    back = against(with_gates(before, *specs), now)
    assert [each.verdict for each in back] == [PASS, PASS, FAIL, FAIL, FAIL]
    assert back[2].estimate.point * found[2].estimate.point == pytest.approx(1)
    assert back[0].estimate.point == pytest.approx(-found[0].estimate.point)


@pytest.mark.parametrize(
    ("options", "spec", "clause"),
    [
        ({"invalid": ("No arm is in both.",)}, gate(Demand.IMPROVED, **BEFORE), "No arm is in both."),
        ({"missing_arm": True}, gate(Demand.IMPROVED, **BEFORE), "the baseline has no such arm"),
        ({}, gate(Demand.IMPROVED, metric="brief", **BEFORE), "nothing of `brief` is in both runs"),
        (
            {"has_trials": False},
            gate(Demand.RATIO_AT_MOST, 2, metric="total_ms", quantile=0.9, **BEFORE),
            NO_QUANTILES,
        ),
    ],
)
def test_what_a_baseline_cannot_give_is_said_and_decides_nothing(options, spec, clause):
    run = a_run(spec, arms=1)
    (finding,) = against(run, run, **options)
    assert (finding.verdict, finding.reason, finding.clause) == (INCONCLUSIVE, Reason.NOTHING, clause)


def test_without_a_baseline_a_gate_that_needs_one_says_how_to_give_it():
    (finding,) = judged(a_run(gate(Demand.IMPROVED, **BEFORE), arms=1))
    assert (finding.verdict, finding.clause) == (INCONCLUSIVE, NO_BASELINE)


def test_quantiles_against_a_baseline_need_its_trials():
    quantile = gate(Demand.RATIO_AT_MOST, 2, metric="total_ms", quantile=0.9, **BEFORE)
    assert needs_trials(quantile)
    assert not needs_trials(replace(quantile, quantile=None))
    assert not needs_trials(replace(quantile, scope=GateScope.ALONE))
