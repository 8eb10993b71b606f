"""What gates must do whatever the numbers are: three verdicts, missing trials, few cases, what would settle them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalharness.core.findings import Reason, Verdict
from evalharness.stats.evidence import ALPHA, Claim, Evidence, Gap, Inverted
from evalharness.stats.gate_costs import Spending, cost_per_correct_evidence, cost_per_correct_ratio_evidence
from evalharness.stats.gate_means import mean_evidence, mean_ratio_evidence
from evalharness.stats.gate_scores import difference_evidence, share_evidence
from evalharness.stats.gate_times import quantile_evidence, quantile_ratio_evidence, time_ratio_evidence
from evalharness.stats.gates import (
    Gate,
    GateFinding,
    at_least,
    at_most,
    equivalent,
    improved,
    judge_gates,
    must_pass,
    non_inferior,
    ratio_at_most,
)
from evalharness.stats.sample import Sample, Settings, sample_of
from evalharness.stats.settle import settle
from evalharness.stats.summaries import scores_from_sums, values_from_sums
from tests.stats.calibrate import long
from tests.stats.test_properties import COSTS, SCORES, TIMES, grids, printable, samples
from tests.stats.test_references import flips, one_each

SETTINGS = Settings(seed=3, n_resamples=199)
QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def judged(requirement, evidence, **options) -> GateFinding:
    return judge_gates([Gate(requirement=requirement, evidence=evidence, **options)])[0]


# ---------------------------------------------------------------- the three verdicts


@pytest.mark.parametrize(
    ("gained", "lost", "requirement", "verdict"),
    [
        (30, 10, improved(), Verdict.PASS),
        (10, 30, improved(), Verdict.FAIL),
        (20, 18, improved(), Verdict.INCONCLUSIVE),
        (5, 5, non_inferior(0.05), Verdict.PASS),
        (0, 40, non_inferior(0.05), Verdict.FAIL),
        (10, 30, non_inferior(0.05), Verdict.INCONCLUSIVE),
        (5, 5, equivalent(0.05), Verdict.PASS),
        (60, 0, equivalent(0.05), Verdict.FAIL),
        (0, 60, equivalent(0.05), Verdict.FAIL),
        (15, 5, equivalent(0.05), Verdict.INCONCLUSIVE),
    ],
)
def test_a_difference_of_scores_gets_its_verdict_from_the_bounds(gained, lost, requirement, verdict):
    finding = judged(requirement, difference_evidence(*flips(gained, lost, 300), SETTINGS))
    assert finding.verdict is verdict
    inside = [claim.shown_by((finding.estimate.lower, finding.estimate.upper)) for claim in requirement.passes_if]
    assert all(inside) == (verdict is Verdict.PASS)
    assert finding.estimate.level == 0.90


def test_the_verdict_is_that_of_the_bounds_that_are_shown():
    """Also where the point lies well inside: a point never decides."""
    finding = judged(at_least(0.8), share_evidence(one_each([1.0] * 17 + [0.0] * 3), SETTINGS))
    assert finding.estimate.point == 0.85
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, Reason.NOT_ENOUGH)


@pytest.mark.parametrize(("limit", "n"), [(0.5, 29), (0.8, 20), (0.9, 25), (0.95, 24), (0.95, 52), (0.98, 60)])
def test_a_share_exactly_at_its_limit_gets_a_wrong_verdict_in_at_most_five_percent(limit, n):
    """All runs there can be, each with its chance. Wilson's bounds fail 98% of 60 in 11.9%, pass 95% of 52 in 6.9%."""
    chances = stats.binom.pmf(np.arange(n + 1), n, limit)
    wrong = {Verdict.PASS: 0.0, Verdict.FAIL: 0.0, Verdict.INCONCLUSIVE: 0.0}
    for right, chance in enumerate(chances):
        values = np.repeat([1.0, 0.0], [right, n - right])
        wrong[judged(at_least(limit), share_evidence(one_each(values), SETTINGS)).verdict] += chance
    assert wrong[Verdict.PASS] <= 0.05
    assert 0 < wrong[Verdict.FAIL] <= 0.05


def test_failed_trials_make_a_slow_arm_fail_its_quantile_although_it_has_none():
    times_ms = np.r_[np.full(30, 100.0), np.full(70, math.inf)]
    finding = judged(at_most(500.0), quantile_evidence(one_each(times_ms), 0.5, SETTINGS))
    assert (finding.verdict, finding.estimate) == (Verdict.FAIL, None)


def test_an_arm_that_mostly_fails_does_not_escape_a_ratio():
    baseline = np.arange(100.0, 140.0)
    candidate = np.where(np.arange(40) % 4 == 0, baseline, math.inf)
    finding = judged(ratio_at_most(1.2), time_ratio_evidence(one_each(candidate), one_each(baseline), SETTINGS))
    assert (finding.verdict, finding.estimate) == (Verdict.FAIL, None)


def test_an_arm_without_a_right_answer_can_fail_on_their_cost():
    rng = np.random.default_rng(1)
    spending = Spending(cost=one_each(rng.lognormal(-4, 0.3, 60)), correct=one_each(np.zeros(60)))
    finding = judged(at_most(0.05), cost_per_correct_evidence(spending, SETTINGS))
    assert (finding.verdict, finding.estimate) == (Verdict.FAIL, None)


def test_a_free_service_passes_its_limit_on_cost():
    finding = judged(at_most(0.01), mean_evidence(one_each(np.zeros(20)), SETTINGS, unit="usd"))
    assert finding.verdict is Verdict.PASS
    assert judged(at_most(0.01), mean_evidence(one_each(np.full(20, 0.02)), SETTINGS, unit="usd")).verdict == "fail"


def test_a_mean_of_times_that_never_ended_shows_nothing():
    finding = judged(at_most(1.0), mean_evidence(one_each([1.0] * 20 + [math.inf]), SETTINGS, unit="ms"))
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, Reason.NOTHING)


def test_what_may_not_be_judged_is_not():
    evidence = difference_evidence(*flips(60, 0, 300), SETTINGS)
    finding = judged(improved(), evidence, barred="confounded with time")
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, Reason.BARRED)
    assert finding.clause == "confounded with time"
    assert finding.estimate is not None


@pytest.mark.parametrize("make", [lambda: non_inferior(-0.1), lambda: equivalent(0.0), lambda: ratio_at_most(0.0)])
def test_a_limit_that_makes_no_sense_is_refused(make):
    with pytest.raises(ValueError, match=r"margin|ratio"):
        make()


# ---------------------------------------------------------------- missing trials, few cases, several gates


def test_a_verdict_that_missing_trials_could_turn_is_none():
    right = np.r_[np.ones(90), np.zeros(5), np.full(5, np.nan)]
    finding = judged(at_least(0.88), share_evidence(one_each(right), SETTINGS))
    assert judged(at_least(0.88), share_evidence(one_each(right[:95]), SETTINGS)).verdict is Verdict.PASS
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, Reason.MISSING)
    assert finding.clause == "5 missing calls decide"
    assert finding.worst.point == 0.90
    assert finding.best.point == 0.95


def test_a_verdict_that_holds_at_both_bounds_stands():
    right = np.r_[np.ones(90), np.zeros(5), np.full(5, np.nan)]
    assert judged(at_least(0.7), share_evidence(one_each(right), SETTINGS)).verdict is Verdict.PASS
    assert judged(at_least(0.99), share_evidence(one_each(right), SETTINGS)).verdict is Verdict.FAIL


def test_an_unknown_cost_without_an_upper_limit_lets_no_gate_pass():
    costs = np.r_[np.linspace(0.009, 0.011, 50), np.nan]
    evidence = mean_evidence(one_each(costs), SETTINGS, unit="usd")
    assert judged(at_most(0.02), evidence).reason is Reason.MISSING
    assert judged(at_most(0.005), evidence).verdict is Verdict.FAIL
    capped = mean_evidence(one_each(costs), SETTINGS, unit="usd", missing=(0.0, 0.05))
    assert judged(at_most(0.02), capped).verdict is Verdict.PASS


def test_fewer_than_ten_cases_decide_only_by_an_exact_test():
    repeats = long(np.ones((8, 20)))
    finding = judged(at_least(0.5), share_evidence(repeats, SETTINGS))
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, Reason.FEW_CASES)
    assert judged(at_least(0.5), share_evidence(one_each(np.ones(8)), SETTINGS)).verdict is Verdict.PASS
    candidate, baseline = one_each(np.ones(8)), one_each(np.zeros(8))
    assert judged(improved(), difference_evidence(candidate, baseline, SETTINGS)).verdict is Verdict.PASS
    margin = judged(non_inferior(0.1), difference_evidence(candidate, baseline, SETTINGS))
    assert (margin.verdict, margin.reason) == (Verdict.INCONCLUSIVE, Reason.FEW_CASES)


def test_improved_needs_the_exact_test_where_it_is_asked_for():
    """Four gains and no loss: Tango's one-sided bound lies above 0, the exact McNemar p is 1/16."""
    arms = flips(4, 0, 12)
    assert judged(improved(), difference_evidence(*arms, SETTINGS)).verdict is Verdict.PASS
    finding = judged(improved(), difference_evidence(*arms, replace(SETTINGS, exact=True)))
    assert finding.estimate.lower > 0
    assert finding.verdict is Verdict.INCONCLUSIVE


def test_a_fail_that_holm_does_not_keep_is_inconclusive():
    weak = difference_evidence(*flips(10, 22, 300), SETTINGS)
    alone = judged(improved(), weak)
    assert alone.verdict is Verdict.FAIL
    fine = difference_evidence(*flips(30, 10, 300), SETTINGS)
    gates = [Gate(requirement=improved(), evidence=weak)] + [Gate(requirement=improved(), evidence=fine)] * 4
    first, *others = judge_gates(gates)
    assert (first.verdict, first.reason) == (Verdict.INCONCLUSIVE, Reason.HOLM)
    assert first.p_fail == alone.p_fail
    assert first.p_fail_adjusted == pytest.approx(5 * alone.p_fail)
    assert first.settling.cases > 300
    assert {other.verdict for other in others} == {Verdict.PASS}


def test_must_pass_is_about_these_trials_alone():
    assert must_pass(one_each([1.0, 1.0])).verdict is Verdict.PASS
    assert must_pass(one_each([1.0, 0.0, math.nan])).verdict is Verdict.FAIL
    finding = must_pass(one_each([1.0, math.nan]))
    assert (finding.verdict, finding.reason, finding.n_missing) == (Verdict.INCONCLUSIVE, Reason.MISSING, 1)
    assert must_pass(one_each([])).reason is Reason.NOTHING


# ---------------------------------------------------------------- what would settle it


def test_the_cases_named_settle_the_gate_in_about_four_of_five_runs():
    rng = np.random.default_rng(8)
    finding = judged(non_inferior(0.05), difference_evidence(*flips(14, 16, 150), SETTINGS))
    assert finding.verdict is Verdict.INCONCLUSIVE
    n = finding.settling.cases
    passed = 0
    for _ in range(200):
        gained, lost, _ = rng.multinomial(n, [14 / 150, 16 / 150, 120 / 150])
        passed += judged(non_inferior(0.05), difference_evidence(*flips(gained, lost, n), SETTINGS)).verdict == "pass"
    assert 0.72 < passed / 200 < 0.88


GAP = Gap(point=0.02, limit=0.0, variance=0.1, at_limit=0.1, n_cases=100, repeats=2, between=0.02)


def test_the_repeats_named_bring_the_variance_down_to_what_the_cases_need():
    found = settle([replace(GAP, point=0.05)])
    wanted = 100 * 0.05**2 / (1.6448536 + 0.8416212) ** 2  # variance that 100 cases settle
    assert 0.02 + (0.1 - 0.02) * 2 / found.repeats <= wanted
    assert 0.02 + (0.1 - 0.02) * 2 / (found.repeats - 1) > wanted


def test_where_no_number_of_repeats_does_the_cases_that_are_needed_anyway_are_named():
    found = settle([GAP])
    assert found.repeats is None
    assert found.cases_at_most_repeats == math.ceil(0.02 * ((1.6448536 + 0.8416212) / 0.02) ** 2)


def test_near_the_limit_nothing_is_named_but_of_a_planned_effect():
    assert settle([replace(GAP, point=0.0)]).near_limit
    assert settle([replace(GAP, point=0.001)]).near_limit
    assert settle([replace(GAP, point=0.001)], effect=0.05).cases == settle([replace(GAP, point=0.05)]).cases


def test_one_repeat_cannot_tell_how_many_would_do():
    finding = judged(non_inferior(0.05), difference_evidence(*flips(14, 16, 150), SETTINGS))
    assert finding.settling.repeats is finding.settling.cases_at_most_repeats is None


def test_cases_said_to_settle_a_gate_on_few_skewed_costs_do_so_in_about_four_of_five_runs():
    """30 costs like lognormal ones of mean 1, a limit of 1.5: how often as many as are said give a verdict. Normal
    limits would name 44 cases, which do so in 46% of runs."""
    rng = np.random.default_rng(12)

    def evidence(costs: np.ndarray, n_resamples: int) -> Evidence:
        places = np.arange(len(costs))
        settings = Settings(seed=int(rng.integers(2**31)), n_resamples=n_resamples)
        return mean_evidence(sample_of(costs, places, places), settings, unit="usd")

    typical = stats.lognorm(s=1, scale=math.exp(-0.5)).ppf((np.arange(30) + 0.5) / 30)
    costs = 1 + (typical - typical.mean()) * math.sqrt(math.e - 1) / typical.std(ddof=1)
    settling = settle([evidence(np.maximum(costs, 0.001), 4_000).gap(1.5)])
    assert settling.cases is not None
    below = Claim(limit=1.5, above=False)
    drawn = [np.exp(rng.normal(-0.5, 1, settling.cases)) for _ in range(200)]
    power = np.mean([evidence(each, 999).observed.p_value(below) <= 0.05 for each in drawn])
    assert 0.8 - 2.6 * math.sqrt(0.8 * 0.2 / 200) <= power <= 0.95


def test_only_these_cases_are_settled_by_repeats_alone():
    rng = np.random.default_rng(2)
    sample = long((rng.random((40, 3)) < 0.8).astype(float))
    finding = judged(at_least(0.75), share_evidence(sample, replace(SETTINGS, scope="suite")))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.settling.cases is None
    assert finding.settling.repeats > 3


def test_a_fixed_baseline_leaves_more_to_the_cases():
    rng = np.random.default_rng(4)
    a, b = (long((rng.random((200, 3)) < 0.8).astype(float)) for _ in range(2))
    both, fixed = (
        difference_evidence(b, a, SETTINGS, baseline_is_fixed=is_fixed).gap(-0.05) for is_fixed in (False, True)
    )
    assert both.variance == fixed.variance
    assert fixed.between > both.between


def test_too_few_trials_for_a_p99_name_how_many_it_takes():
    rng = np.random.default_rng(4)
    finding = judged(at_most(1e6), quantile_evidence(one_each(rng.lognormal(6, 0.3, 120)), 0.99, SETTINGS))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.settling.cases == 299


# ---------------------------------------------------------------- a baseline file


@QUICK
@given(grids(scores=SCORES))
def test_scores_made_from_sums_judge_as_the_trials_do(grid):
    (sample,) = samples(grid)
    present = ~np.isnan(sample.values)
    n = sample.n_cases
    sums = np.bincount(sample.case[present], sample.values[present], n)
    squares = np.bincount(sample.case[present], sample.values[present] ** 2, n)
    missing = np.bincount(sample.case[~present], minlength=n)
    again = scores_from_sums(sums, squares, sample.trials, missing, sample.cluster)
    assert again.means == pytest.approx(sample.means, nan_ok=True)
    assert (again.trials == sample.trials).all()
    assert again.n_missing == sample.n_missing
    assert again.variances == pytest.approx(sample.variances, abs=1e-6, nan_ok=True)
    assert ((again.values >= 0) & (again.values <= 1) | np.isnan(again.values)).all()


def test_a_gate_against_a_file_is_the_gate_against_the_run():
    rng = np.random.default_rng(6)
    a, b = ((rng.random((80, 4)) < 0.7).astype(float) for _ in range(2))
    of_file = scores_from_sums(a.sum(axis=1), (a**2).sum(axis=1), np.full(80, 4), np.zeros(80), np.arange(80))
    assert judged(non_inferior(0.1), difference_evidence(long(b), of_file, SETTINGS)) == judged(
        non_inferior(0.1), difference_evidence(long(b), long(a), SETTINGS)
    )
    times_ms = [rng.lognormal(6, 0.4, (80, 3)) for _ in range(2)]
    # As a file gives them back: a case's median, as often as there were times.
    medians = long(np.repeat(np.median(times_ms[0], axis=1)[:, None], 3, axis=1))
    found, whole = (
        judged(ratio_at_most(1.1), time_ratio_evidence(long(times_ms[1]), baseline, SETTINGS))
        for baseline in (medians, long(times_ms[0]))
    )
    assert (found.verdict, found.p_fail) == (whole.verdict, whole.p_fail)
    assert found.estimate.lower == whole.estimate.lower
    costs = [rng.lognormal(-4, 0.4, (80, 3)) for _ in range(2)]
    summed = values_from_sums(costs[0].sum(axis=1), np.full(80, 3), np.zeros(80), np.arange(80))
    found, whole = (
        judged(ratio_at_most(1.1), mean_ratio_evidence(long(costs[1]), baseline, SETTINGS)).estimate
        for baseline in (summed, long(costs[0]))
    )
    assert found.upper == pytest.approx(whole.upper, rel=1e-9)


@pytest.mark.parametrize(("total", "square"), [(5.0, 5.0), (1.5, 1.5)])
def test_sums_that_no_scores_have_are_refused(total, square):
    with pytest.raises(ValueError, match="sum"):
        scores_from_sums([total], [square], [3], [0], np.arange(1))


# ---------------------------------------------------------------- whatever the data


def check(finding: GateFinding) -> None:
    for estimate in (finding.estimate, finding.worst, finding.best):
        printable(estimate)
    assert (finding.reason is None) == (finding.verdict is not Verdict.INCONCLUSIVE)
    assert 0 < finding.p_fail <= finding.p_fail_adjusted <= 1
    assert (finding.p_fail_adjusted <= ALPHA) == (finding.verdict is Verdict.FAIL)


LIMITS = st.sampled_from([0.0, 0.02, 0.3, 0.5, 1.0])


@QUICK
@given(st.one_of(grids(arms=2), grids(arms=2, scores=SCORES)), LIMITS, st.sampled_from(["population", "suite"]))
def test_scores_always_get_a_verdict(grid, limit, scope):
    candidate, baseline = samples(grid)
    options = replace(SETTINGS, scope=scope)
    check(judged(at_least(limit), share_evidence(candidate, options)))
    evidence = difference_evidence(candidate, baseline, options)
    check(judged(non_inferior(limit), evidence))
    if limit > 0:
        check(judged(equivalent(limit), evidence))


@QUICK
@given(grids(arms=2, scores=TIMES), st.sampled_from([0.5, 0.95]), st.sampled_from([0.5, 1.0, 1.2]))
def test_times_always_get_a_verdict(grid, q, ratio):
    candidate, baseline = samples(grid)
    check(judged(at_most(100.0), quantile_evidence(candidate, q, SETTINGS)))
    check(judged(ratio_at_most(ratio), time_ratio_evidence(candidate, baseline, SETTINGS)))
    check(judged(ratio_at_most(ratio), quantile_ratio_evidence(candidate, baseline, q, SETTINGS)))


@QUICK
@given(grids(arms=2, scores=COSTS), grids(arms=2), st.sampled_from([0.001, 0.1, 1.0, 2.0]))
def test_costs_always_get_a_verdict(grid, others, limit):
    values, cluster = grid
    right = np.resize(np.nan_to_num(others[0]), values.shape)
    cost, right = samples((values, cluster)), samples((right, cluster))
    check(judged(at_most(limit), mean_evidence(cost[0], SETTINGS, unit="usd")))
    check(judged(ratio_at_most(limit), mean_ratio_evidence(cost[0], cost[1], SETTINGS)))
    arms = [Spending(cost=c, correct=r) for c, r in zip(cost, right, strict=True)]
    check(judged(at_most(limit), cost_per_correct_evidence(arms[0], SETTINGS)))
    check(judged(ratio_at_most(limit), cost_per_correct_ratio_evidence(arms[0], arms[1], SETTINGS)))


ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}


@QUICK
@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from([0.0, 0.05, 0.1]))
def test_one_more_gain_never_makes_a_verdict_worse(gained, lost, margin):
    here, more = (
        judged(non_inferior(margin), difference_evidence(*flips(g, lost, 70), SETTINGS)) for g in (gained, gained + 1)
    )
    assert ORDER[here.verdict] <= ORDER[more.verdict]


@QUICK
@given(grids(arms=2))
def test_a_wider_margin_never_makes_a_verdict_worse(grid):
    evidence = difference_evidence(*samples(grid), SETTINGS)
    found = [ORDER[judged(non_inferior(margin), evidence).verdict] for margin in (0.02, 0.1, 0.3, 0.6)]
    assert found == sorted(found)


@QUICK
@given(grids(arms=2))
def test_swapping_the_arms_turns_a_pass_of_better_into_a_fail(grid):
    candidate, baseline = samples(grid)
    turned = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS, Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE}
    forth = judged(improved(), difference_evidence(candidate, baseline, SETTINGS))
    back = judged(improved(), difference_evidence(baseline, candidate, SETTINGS))
    assert back.verdict is turned[forth.verdict]


@QUICK
@given(grids(arms=2, scores=SCORES), st.randoms())
def test_the_order_of_the_cases_changes_no_verdict(grid, random):
    values, cluster = grid
    order = list(range(values.shape[1]))
    random.shuffle(order)
    found = [
        judged(non_inferior(0.05), difference_evidence(*samples(each), SETTINGS))
        for each in (grid, (values[:, order], cluster[order]))
    ]
    assert found[0].verdict is found[1].verdict
    assert found[0].p_fail == pytest.approx(found[1].p_fail, rel=2e-3)


@QUICK
@given(st.floats(-3, 3), st.floats(0.01, 2), st.floats(-3, 3), st.booleans())
def test_p_and_bound_never_disagree(point, error, limit, above):
    def limits(level: float) -> tuple[float, float]:
        half = error * math.tan(level * math.pi / 2)  # Cauchy: any nested interval will do
        return point - half, point + half

    claim = Claim(limit=limit, above=above)
    assert (Inverted(limits=limits)(claim) <= ALPHA) == claim.shown_by(limits(0.90))


def test_all_evidence_takes_one_case_and_one_repeat():
    one: Sample = sample_of([1.0], [0], [0])
    for evidence in (
        share_evidence(one, SETTINGS),
        difference_evidence(one, one, SETTINGS),
        quantile_evidence(one, 0.5, SETTINGS),
        time_ratio_evidence(one, one, SETTINGS),
        mean_evidence(one, SETTINGS, unit="usd"),
    ):
        assert judged(at_most(0.5), evidence).verdict is Verdict.INCONCLUSIVE
