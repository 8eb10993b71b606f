"""The decision rule on runs whose right answer is planted."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.findings import Decision, Outcome, Standing
from evalharness.core.model import DecisionLimit, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.verdict.decision import decide
from evalharness.verdict.limits import keeps
from evalharness.verdict.view import view
from tests.support.runs import RULE, ArmTruth, make_run

BARE = replace(RULE, margin=0.05, limits=())
TRUTH = {
    "none": ArmTruth(accuracy=0.40, reasoning_tokens=0, ttfo_ms=300),
    "low": ArmTruth(accuracy=1.0, reasoning_tokens=100, ttfo_ms=900),
    "medium": ArmTruth(accuracy=1.0, reasoning_tokens=900, ttfo_ms=2_500),
}


def a_run(**options) -> RunRecord:
    defaults = {"arms": 3, "cases": 150, "repeats": 1, "failures": 0, "incomplete": 0, "truth": TRUTH, "decision": BARE}
    return make_run(**{**defaults, **options})


def decided(run: RunRecord) -> Decision:
    """The decision alone; costs are plain means of what answers cost, None where one is unknown."""
    costs = {arm.arm_id: [] for arm in run.plan.arms}
    for trial in run.plan.trials:
        if run.results[trial.trial_id].status is not Status.ERROR:
            costs[trial.arm_id].append(run.results[trial.trial_id].cost_usd)
    means = [mean(known) if known and None not in known else None for known in costs.values()]
    return decide(view(run, n_resamples=500), run.plan.suite.decision, means)


def without_cost(result: TrialResult) -> TrialResult:
    return replace(result, cost_usd=None, calls=tuple(replace(call, cost_usd=None) for call in result.calls))


def standings(decision: Decision) -> list[Standing]:
    return [standing.standing for standing in decision.standings]


def test_the_cheapest_arm_within_the_margin_of_the_best_is_used():
    run = a_run()
    decision = decided(run)
    none, low, _ = (arm.arm_id for arm in run.plan.arms)
    assert decision.outcome is Outcome.USE
    assert decision.arm_id == low
    assert standings(decision) == [Standing.EXCLUDED, Standing.ADMISSIBLE, Standing.ADMISSIBLE]
    assert decision.standings[0].arm_id == none
    assert decision.standings[0].against in {arm.arm_id for arm in run.plan.arms[1:]}
    assert decision.standings[0].gap.upper < -BARE.margin
    assert all(standing.cases_to_settle is None for standing in decision.standings)


def test_a_wide_margin_makes_the_cheapest_arm_good_enough():
    run = a_run(decision=replace(BARE, margin=0.8))
    assert decided(run).arm_id == run.plan.arms[0].arm_id


def test_a_cost_that_is_not_known_is_not_left_out_of_a_limit():
    """Half of the calls say nothing of what they cost, which was at most what their tokens are limited to."""
    run = a_run()
    arm = run.plan.arms[1]
    of_arm = [trial.trial_id for trial in run.plan.trials if trial.arm_id == arm.arm_id]
    known = mean(run.results[trial_id].cost_usd for trial_id in of_arm)
    limit = DecisionLimit(metric="cost_usd", quantile=None, at_most=1.5 * known)
    assert keeps(view(run, n_resamples=500), 1, (limit,)) == (True, None)
    hidden = {trial_id: without_cost(run.results[trial_id]) for trial_id in of_arm[::2]}
    silent = replace(run, results={**run.results, **hidden})
    assert keeps(view(silent, n_resamples=500), 1, (limit,)) == (None, limit)


def test_arms_too_close_to_tell_name_the_cheapest_and_the_cases_that_would_settle_it():
    close = {name: replace(arm, accuracy=0.7) for name, arm in TRUTH.items()}
    run = a_run(truth=close, cases=60)
    decision = decided(run)
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert decision.arm_id == run.plan.arms[0].arm_id
    assert decision.held_back is None
    undecided = [each for each in decision.standings if each.standing is Standing.UNDECIDED]
    assert undecided
    assert all(each.cases_to_settle is None or each.cases_to_settle > 60 for each in undecided)
    assert any(each.cases_to_settle for each in undecided)
    assert all(each.gap.lower <= -BARE.margin <= each.gap.upper for each in undecided)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (DecisionLimit(metric="total_ms", quantile=0.5, at_most=1_800), Standing.INELIGIBLE),
        (DecisionLimit(metric="cost_usd", at_most=0.001), Standing.INELIGIBLE),
        (DecisionLimit(metric="total_ms", quantile=0.5, at_most=60_000), Standing.ADMISSIBLE),
        (DecisionLimit(metric="total_ms", quantile=0.9999, at_most=60_000), Standing.UNDECIDED),
    ],
    ids=["slow", "dear", "kept", "too few trials for the quantile"],
)
def test_a_limit_is_kept_broken_or_open(limit, expected):
    decision = decided(a_run(decision=replace(BARE, limits=(limit,))))
    medium = decision.standings[2]
    assert medium.standing is expected
    assert (medium.limit is None) is (expected is Standing.ADMISSIBLE)
    assert medium.limit in (None, limit)


def test_an_ineligible_arm_does_not_hold_others_to_its_quality():
    limits = (DecisionLimit(metric="total_ms", quantile=0.5, at_most=700),)
    run = a_run(decision=replace(BARE, limits=limits))
    decision = decided(run)
    assert standings(decision) == [Standing.ADMISSIBLE, Standing.INELIGIBLE, Standing.INELIGIBLE]
    assert decision.outcome is Outcome.USE
    assert decision.arm_id == run.plan.arms[0].arm_id


def test_a_mean_time_cannot_be_kept_where_trials_never_ended():
    limits = (DecisionLimit(metric="total_ms", at_most=1e9),)
    decision = decided(a_run(decision=replace(BARE, limits=limits), failures=0.1))
    assert Standing.ADMISSIBLE not in standings(decision)
    assert decision.standings[1].limit == limits[0]


def test_an_arm_that_mostly_fails_breaks_a_limit_on_its_median():
    limits = (DecisionLimit(metric="total_ms", quantile=0.5, at_most=1e9),)
    decision = decided(a_run(decision=replace(BARE, limits=limits), failures=0.9))
    assert {each.standing for each in decision.standings} == {Standing.INELIGIBLE}


def test_when_every_arm_breaks_a_limit_no_arm_is_named():
    limits = (DecisionLimit(metric="total_ms", quantile=0.5, at_most=1),)
    decision = decided(a_run(decision=replace(BARE, limits=limits)))
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert decision.arm_id is None
    assert set(standings(decision)) == {Standing.INELIGIBLE}


def test_a_free_service_keeps_a_limit_on_money():
    free = replace(make_run().plan.suite.endpoints[0].prices, input=0.0, output=0.0, cached_input=0.0)
    run = a_run(prices=free, decision=replace(BARE, limits=(DecisionLimit(metric="cost_usd", at_most=0.0),)))
    decision = decided(run)
    assert decision.outcome is Outcome.USE
    assert decision.arm_id == run.plan.arms[1].arm_id, "equal costs: the first of the arms"


def test_missing_trials_hold_a_decision_back_that_they_could_turn():
    run = a_run(null_scores=0.1)
    decision = decided(run)
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert decision.held_back == "missing trials decide"
    assert decision.standings[0].standing is Standing.EXCLUDED, "40% right cannot be saved by 10% missing"
    assert decision.standings[1].standing is Standing.UNDECIDED
    assert decision.standings[1].cases_to_settle is None, "more cases would miss as many"


def test_fewer_than_ten_independent_cases_choose_nothing():
    decision = decided(a_run(clusters=9, decision=replace(BARE, margin=0.9)))
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert decision.held_back == "a rule needs 10 independent cases and the run has 150 in only 9 independent groups"


def test_of_an_unfinished_run_an_arm_is_used_only_if_the_rest_could_not_change_that():
    assert decided(a_run(pending=0.2)).held_back == "the run is not finished"
    nearly = view(a_run(pending=0.02), n_resamples=500)
    wide = decide(nearly, replace(BARE, margin=0.8), [1.0, 2.0, 3.0])
    assert (wide.outcome, wide.held_back) == (Outcome.USE, None)


@pytest.mark.parametrize("broken", ["failures", "pending", "null_scores"])
def test_a_run_without_a_score_says_nothing_of_its_arms(broken):
    """Failed trials take infinitely long: their arms would break any limit on a time."""
    limits = (DecisionLimit(metric="total_ms", quantile=0.5, at_most=1_800),)
    run = a_run(decision=replace(BARE, limits=limits), **{broken: 1.0})
    server = Failure(kind=FailureKind.SERVER, message="overloaded")
    for key, result in run.results.items():
        if result.status is Status.ERROR:  # a timeout would score 0
            run.results[key] = replace(result, failure=server)
    decision = decided(run)
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert decision.held_back == "no call was scored"
    assert (decision.standings, decision.arm_id) == ((), None)


def test_without_prices_the_cheapest_cannot_be_named():
    decision = decided(a_run(prices=None))
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert decision.arm_id is None
    assert decision.held_back == "the cost of an arm that could be used is unknown"


def test_without_a_rule_or_with_one_arm_nothing_is_decided():
    assert decided(a_run(decision=None)) == Decision(outcome=Outcome.NO_RULE)
    assert decided(a_run(arms=1)).outcome is Outcome.NO_RULE


def test_a_rule_that_the_parser_should_have_refused_is_an_error():
    with pytest.raises(ValueError, match="cheapest on answer"):
        decide(view(a_run(cases=2)), replace(BARE, rule="cheapest"), [1.0, 2.0, 3.0])


def test_the_decision_in_scope_suite_uses_independent_repeats():
    decision = decided(a_run(scope="suite", repeats=3, cases=150))
    assert decision.outcome is Outcome.USE
    assert "Bonferroni over 3" in decision.standings[1].gap.method


BEST = replace(BARE, rule="best_within_limits", margin=0.0)
VALUE = replace(BARE, rule="best_value", margin=0.0, value_per_correct_usd=0.02)


def test_the_best_arm_is_used_where_it_is_shown_to_be_the_best_whatever_it_costs():
    truth = {**TRUTH, "low": replace(TRUTH["low"], accuracy=0.7)}
    run = a_run(truth=truth, decision=BEST, prices=None)
    decision = decided(run)
    assert (decision.outcome, decision.arm_id) == (Outcome.USE, run.plan.arms[2].arm_id)
    assert standings(decision) == [Standing.EXCLUDED, Standing.EXCLUDED, Standing.ADMISSIBLE]


def test_of_arms_within_the_margin_the_best_has_the_highest_mean_and_of_equals_the_lowest_cost():
    run = a_run(decision=replace(BEST, margin=0.05))
    assert decided(run).arm_id == run.plan.arms[1].arm_id, "low and medium are right every time, low costs less"
    better = a_run(decision=replace(BEST, margin=0.2), truth={**TRUTH, "low": replace(TRUTH["low"], accuracy=0.95)})
    assert standings(decided(better))[1:] == [Standing.ADMISSIBLE, Standing.ADMISSIBLE]
    assert decided(better).arm_id == better.plan.arms[2].arm_id


def test_two_equally_good_arms_have_no_best_without_a_margin():
    decision = decided(a_run(decision=BEST))
    assert decision.outcome is Outcome.NO_CLEAR_WINNER
    assert standings(decision) == [Standing.EXCLUDED, Standing.UNDECIDED, Standing.UNDECIDED]
    assert all(standing.cases_to_settle is None for standing in decision.standings), "no number shows equals apart"


def test_an_arm_that_breaks_a_limit_is_not_the_best():
    limits = (DecisionLimit(metric="total_ms", quantile=0.5, at_most=1_800),)
    run = a_run(decision=replace(BEST, limits=limits))
    decision = decided(run)
    assert standings(decision) == [Standing.EXCLUDED, Standing.ADMISSIBLE, Standing.INELIGIBLE]
    assert decision.arm_id == run.plan.arms[1].arm_id


def test_the_best_value_weighs_right_answers_against_money():
    """By hand: right answers of 100% against 40% are worth 0.6 times the value; what low costs more is in the run."""
    run = a_run(decision=VALUE)
    costs = {
        arm.arm_id: mean(run.results[each.trial_id].cost_usd for each in run.plan.trials if each.arm_id == arm.arm_id)
        for arm in run.plan.arms
    }
    none, low, medium = (arm.arm_id for arm in run.plan.arms)
    decision = decided(run)
    assert (decision.outcome, decision.arm_id) == (Outcome.USE, low)
    gap = decision.standings[2].gap
    assert decision.standings[2].against == low and gap.unit == "usd"
    assert gap.point == pytest.approx(costs[low] - costs[medium]), "both are right: only the cost differs"
    break_even = (costs[low] - costs[none]) / 0.6
    cheap = decided(a_run(decision=replace(VALUE, value_per_correct_usd=break_even / 3)))
    assert cheap.arm_id == none, "a right answer that is worth little does not pay for low"


def test_the_best_value_is_not_known_without_prices():
    decision = decided(a_run(decision=VALUE, prices=None))
    assert (decision.outcome, decision.arm_id) == (Outcome.NO_CLEAR_WINNER, None)
    assert decision.held_back == "the cost of an arm that could be used is unknown"


def test_failed_calls_of_unknown_cost_count_against_an_arm_at_the_most_that_they_can_have_cost():
    run = a_run(decision=VALUE, failures=0.03)
    assert decided(run).held_back == "missing trials decide", "16,384 tokens in each of three attempts"
    arms = tuple(replace(arm, request={**arm.request, "max_output_tokens": 1_000}) for arm in run.plan.arms)
    limited = replace(run, plan=replace(run.plan, arms=arms))
    assert decided(limited).standings[0].standing is Standing.EXCLUDED
