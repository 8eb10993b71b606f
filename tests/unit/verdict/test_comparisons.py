"""Comparisons of whole synthetic runs; counts and corrections are done again here by other means."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import mean

import pytest
from statsmodels.stats.multitest import multipletests

from evalharness.core.findings import Reading
from evalharness.core.model import Status
from evalharness.core.record import RunRecord, Score
from evalharness.verdict.compare import analyse
from tests.support.runs import ArmTruth, make_run

CLEAR = {
    "none": ArmTruth(accuracy=0.30, reasoning_tokens=0, ttfo_ms=300),
    "low": ArmTruth(accuracy=0.85, reasoning_tokens=100, ttfo_ms=900),
    "medium": ArmTruth(accuracy=0.85, reasoning_tokens=900, ttfo_ms=2_500),
}


def case_means(run: RunRecord, arm_id: str) -> dict[str, float]:
    """Mean score of each case; incomplete counts 0. Only for runs without errors and null scores."""
    scores = defaultdict(list)
    for trial in run.plan.trials:
        if trial.arm_id == arm_id:
            result = run.results[trial.trial_id]
            scores[trial.case_id].append(result.scores["answer"].value if result.status is Status.OK else 0.0)
    return {case_id: mean(values) for case_id, values in scores.items()}


@pytest.fixture(scope="module")
def whole() -> RunRecord:
    return make_run(arms=3, cases=80, repeats=2, failures=0, truth=CLEAR | {"medium": CLEAR["medium"]})


@pytest.fixture(scope="module")
def analysis(whole):
    return analyse(whole, n_resamples=1_000)


def test_every_arm_but_the_baseline_is_compared_with_it_in_arm_order(whole, analysis):
    none, low, medium = (arm.arm_id for arm in whole.plan.arms)
    assert analysis.baseline == none
    assert [(each.candidate, each.baseline) for each in analysis.versus_baseline] == [(low, none), (medium, none)]
    assert [(step.lower_arm, step.upper_arm) for step in analysis.steps] == [(none, low), (low, medium)]


def test_differences_and_flips_are_those_of_the_case_means(whole, analysis):
    before, after = case_means(whole, whole.plan.arms[0].arm_id), case_means(whole, whole.plan.arms[1].arm_id)
    comparison = analysis.versus_baseline[0]
    assert comparison.estimate.point == pytest.approx(mean(after.values()) - mean(before.values()))
    moved = {case: after[case] - before[case] for case in before if after[case] != before[case]}
    found = analysis.flips[whole.plan.arms[1].arm_id]
    assert {flip.case_id: flip.candidate_score - flip.baseline_score for flip in found} == pytest.approx(moved)
    assert comparison.gained == sum(change > 0 for change in moved.values())
    assert comparison.lost == sum(change < 0 for change in moved.values())
    changes = [flip.candidate_score - flip.baseline_score for flip in found]
    assert changes == sorted(c for c in changes if c < 0) + sorted((c for c in changes if c > 0), reverse=True)


def test_p_values_against_the_baseline_are_corrected_by_holm_over_the_family(analysis):
    family = analysis.versus_baseline
    expected = multipletests([each.p_value for each in family], method="holm")[1]
    assert [each.p_adjusted for each in family] == pytest.approx(list(expected))
    assert {each.adjustment for each in family} == {"Holm"}


def test_other_graders_are_exploratory_and_corrected_by_benjamini_hochberg(analysis):
    family = analysis.secondary["brief"]
    expected = multipletests([each.p_value for each in family], method="fdr_bh")[1]
    assert [each.p_adjusted for each in family] == pytest.approx(list(expected))
    assert all("exploratory" in each.cautions for each in family)


def test_joint_intervals_are_wider_than_those_of_each_comparison_alone(analysis):
    for each in analysis.versus_baseline:
        alone, joint = each.estimate, each.simultaneous
        assert joint.lower < alone.lower < alone.upper < joint.upper
        assert each.shown is joint


def test_a_planted_effect_is_read_as_better_and_its_cost_as_worse(whole, analysis):
    low = whole.plan.arms[1].arm_id
    assert analysis.versus_baseline[0].reading is Reading.BETTER
    for metric in ("cost_usd", "total_ms", "ttfo_ms", "output_tokens"):
        ratio = analysis.ratios[metric][low]
        assert ratio.kind == "ratio"
        assert ratio.estimate.point > 1.3
        assert ratio.reading is Reading.WORSE


def test_a_step_says_what_it_costs_and_how_much_longer_it_takes(whole, analysis):
    step = analysis.steps[1]
    by_case = defaultdict(lambda: defaultdict(list))
    for trial in whole.plan.trials:
        by_case[trial.arm_id][trial.case_id].append(whole.results[trial.trial_id].cost_usd)
    cost = {arm: mean(mean(costs) for costs in cases.values()) for arm, cases in by_case.items()}
    assert step.extra_cost_usd.point == pytest.approx(cost[step.upper_arm] - cost[step.lower_arm])
    assert 2 < step.time_ratio.estimate.point < 3.5
    assert step.time_ratio.candidate == step.upper_arm


def test_two_arms_make_one_comparison_without_correction():
    found = analyse(make_run(arms=("none", "low"), cases=40, repeats=1, truth=CLEAR), n_resamples=500)
    only = found.versus_baseline[0]
    assert only.simultaneous is None
    assert only.p_adjusted is None
    assert only.adjustment is None
    assert only.shown is only.estimate


def test_missing_scores_give_bounds_and_a_caution_where_they_could_change_the_reading():
    run = make_run(arms=("none", "low"), cases=40, repeats=1, truth=CLEAR, failures=0, null_scores=0.5, seed=5)
    only = analyse(run, n_resamples=500).versus_baseline[0]
    assert only.n_missing > 20
    assert only.worst.point < only.estimate.point < only.best.point
    assert "missing trials could change this reading" in only.cautions


def test_a_case_missing_in_one_arm_stays_in_the_bounds():
    run = make_run(arms=("none", "low"), cases=20, repeats=1, failures=0, incomplete=0, truth=CLEAR)
    lost = next(trial for trial in run.plan.trials if trial.arm_id == run.plan.arms[1].arm_id)
    null = {"answer": Score(grader="numeric", value=None, passed=None, reason="no number found")}
    results = {**run.results, lost.trial_id: replace(run.results[lost.trial_id], scores=null)}
    only = analyse(replace(run, results=results), n_resamples=500).versus_baseline[0]
    assert only.n_pairs == 19
    assert only.worst.n == only.best.n == 20
    assert only.best.point - only.worst.point == pytest.approx(1 / 20)


def test_few_cases_are_too_close_to_tell_and_say_so():
    always = {"none": replace(CLEAR["none"], accuracy=0.0), "low": replace(CLEAR["low"], accuracy=1.0)}
    run = make_run(arms=("none", "low"), cases=9, repeats=1, failures=0, incomplete=0, truth=always)
    only = analyse(run, n_resamples=500).versus_baseline[0]
    assert only.estimate.lower > 0
    assert only.reading is Reading.TOO_CLOSE
    assert "few cases: only 9 are independent" in only.cautions
    exact = replace(run.plan.suite, analysis=replace(run.plan.suite.analysis, exact=True))
    decided = analyse(replace(run, plan=replace(run.plan, suite=exact)), n_resamples=500).versus_baseline[0]
    assert decided.reading is Reading.BETTER


def test_the_margin_belongs_to_the_metric_that_the_rule_names():
    run = make_run(arms=("none", "low"), cases=60, repeats=2, truth={"none": CLEAR["low"], "low": CLEAR["low"]})
    wide = replace(run.plan.suite.decision, margin=0.9)
    found = analyse(replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, decision=wide))), n_resamples=500)
    assert found.versus_baseline[0].reading is Reading.SAME
    other = replace(wide, metric="brief")
    found = analyse(
        replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, decision=other))), n_resamples=500
    )
    assert found.versus_baseline[0].reading is Reading.TOO_CLOSE


def test_comparisons_are_counted_once_even_where_two_tables_show_them(analysis):
    # answer: low and medium against none, medium against low; brief: 2; cost, first output, tokens: 2 each;
    # total time: low and medium against none, medium against low.
    assert analysis.n_comparisons == 3 + 2 + 3 * 2 + 3


def test_tags_have_an_estimate_of_each_arm_over_their_cases(whole, analysis):
    assert analysis.tag_cases == {"easy": 53, "hard": 27, "money": 8}
    tagged = {case.case_id for case in whole.plan.suite.cases if "hard" in case.tags}
    for arm in whole.plan.arms:
        means = case_means(whole, arm.arm_id)
        assert analysis.tag_quality["hard"][arm.arm_id].point == pytest.approx(mean(means[case] for case in tagged))


def test_scope_suite_is_analysed_within_the_cases_and_named():
    found = analyse(make_run(arms=3, cases=30, repeats=3, scope="suite", truth=CLEAR), n_resamples=200)
    assert found.scope == "suite"
    assert all("Bonferroni over 2" in each.simultaneous.method for each in found.versus_baseline)
    assert {each.simultaneous.level for each in found.versus_baseline} == {0.95}


def test_the_same_record_gives_the_same_bits(whole, analysis):
    assert analyse(whole, n_resamples=1_000) == analysis
    renamed = replace(whole, manifest=replace(whole.manifest, run_id="another"))
    assert analyse(renamed, n_resamples=1_000).seed != analysis.seed


def test_a_single_arm_has_findings_and_no_comparison():
    found = analyse(make_run(arms=1, cases=12, repeats=1), n_resamples=200)
    assert found.kind == "single"
    assert found.baseline is None
    assert found.versus_baseline == found.steps == ()
    assert found.ratios == found.flips == {}
    assert found.n_comparisons == 0
