"""A run beside another that is kept whole or in sums; expected figures are made from the records by hand."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean, median

import numpy as np
import pytest

from evalharness.core.findings import Reading
from evalharness.core.model import Case, Demand, GateScope, GateSpec, GraderSpec, Prices, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.verdict.baseline_against import against_run, flips_against
from evalharness.verdict.baseline_changes import mismatches, paired_arms
from evalharness.verdict.baseline_facts import facts_of
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.baseline_sums import sums_of
from evalharness.verdict.baseline_trials import Kept, trials_of
from evalharness.verdict.compare import analyse
from evalharness.verdict.tags import tag_tables_against
from evalharness.verdict.view import view
from tests.support.runs import ArmTruth, make_run

SHAPE = {"arms": 2, "cases": 40, "repeats": 3, "failures": 0.0, "incomplete": 0.0, "retries": 0.0}
WORSE = {"none": ArmTruth(accuracy=0.2, reasoning_tokens=0, ttfo_ms=640), "low": ArmTruth(
    accuracy=0.2, reasoning_tokens=120, ttfo_ms=900)}  # fmt: skip


def kept(run: RunRecord) -> Kept:
    return trials_of(view(run))


def paired(candidate: RunRecord, baseline: RunRecord, *, in_sums: bool = False) -> PairedBaseline:
    trials = trials_of(view(baseline))
    return PairedBaseline(view(candidate, n_resamples=200), sums_of(trials) if in_sums else trials)


def with_suite(run: RunRecord, **changed: object) -> RunRecord:
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, **changed)))


def with_cases(run: RunRecord, cases: tuple[Case, ...], renamed: dict[str, str] | None = None) -> RunRecord:
    """The run on other cases; trials of cases that are gone go with them, those of renamed ones follow."""
    names = {case.case_id for case in cases}
    moved = [replace(trial, case_id=(renamed or {}).get(trial.case_id, trial.case_id)) for trial in run.plan.trials]
    trials = tuple(trial for trial in moved if trial.case_id in names)
    plan = replace(run.plan, trials=trials, suite=replace(run.plan.suite, cases=cases))
    return replace(run, plan=plan, results={trial.trial_id: run.results[trial.trial_id] for trial in trials})


def scores(run: RunRecord, arm: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for trial in run.plan.trials:
        if trial.arm_id == run.plan.arms[arm].arm_id:
            found.setdefault(trial.case_id, []).append(run.results[trial.trial_id].scores["answer"].value or 0.0)
    return found


@pytest.fixture(scope="module")
def before() -> RunRecord:
    return make_run(**SHAPE, seed=1)


@pytest.fixture(scope="module")
def after() -> RunRecord:
    return make_run(**SHAPE, seed=2)


# ---------------------------------------------------------------- pairing


def test_cases_pair_by_id_and_content_and_what_does_not_is_listed_with_its_reason(before, after) -> None:
    first, second, third, fourth, *others = after.plan.suite.cases
    cases = (
        replace(first, case_id="new-name"),
        replace(second, content_hash="another"),
        replace(third, graders=(GraderSpec(grader_id="own", type="exact"),)),
        *others,
    )
    there = with_cases(before, tuple(case for case in before.plan.suite.cases if case.case_id != others[0].case_id))
    source = paired(with_cases(after, cases, {first.case_id: "new-name"}), there).source
    assert source.n_paired == len(others) - 1
    assert source.only_in_candidate == {
        "new-name": f"not in the baseline; “{first.case_id}” has the same content",
        second.case_id: "its variables or expectation changed",
        third.case_id: "its own graders changed",
        others[0].case_id: "not in the baseline",
    }
    assert source.only_in_baseline == {
        first.case_id: "not in this run; “new-name” has the same content",
        second.case_id: "its variables or expectation changed",
        third.case_id: "its own graders changed",
        fourth.case_id: "not in this run",
    }


def test_samples_of_a_pair_hold_the_trials_of_common_cases_alone_and_index_them_alike(before, after) -> None:
    cut = with_cases(before, before.plan.suite.cases[10:])
    shuffled = with_cases(cut, tuple(reversed(cut.plan.suite.cases)))
    pair = paired(after, shuffled).pair("answer", 1)
    assert pair is not None
    candidate, baseline = pair
    expected = {case.case_id: place for place, case in enumerate(after.plan.suite.cases)}
    assert set(candidate.case) == set(baseline.case) == set(range(10, 40))
    for case_id, values in scores(shuffled, 1).items():
        assert baseline.means[expected[case_id]] == pytest.approx(mean(values))


def test_arms_pair_by_their_axis_values_whatever_their_order_and_their_prompt() -> None:
    low, high = {"reasoning.effort": "low"}, {"reasoning.effort": "high"}
    assert paired_arms([low, high], [high, low]) == {0: 1, 1: 0}
    assert paired_arms([low, high], [high]) == {1: 0}
    assert paired_arms([{"n": 1}], [{"n": True}, {"n": "1"}]) == {}


def test_the_single_arm_of_each_run_pairs_whatever_its_values() -> None:
    assert paired_arms([{"model": "new"}], [{"model": "old"}]) == {0: 0}


def test_an_edited_prompt_keeps_the_key_pairs_and_is_told(before, after) -> None:
    arms = tuple(replace(arm, arm_id=f"edited-{arm.arm_id}") for arm in after.plan.arms)
    renamed = {old.arm_id: new.arm_id for old, new in zip(after.plan.arms, arms, strict=True)}
    trials = tuple(replace(trial, arm_id=renamed[trial.arm_id]) for trial in after.plan.trials)
    hashed = {**after.plan.hashed, "prompts.plain": "feedfacecafebeef"}
    edited = replace(after, plan=replace(after.plan, arms=arms, trials=trials, hashed=hashed))
    old = replace(before, plan=replace(before.plan, hashed={**before.plan.hashed, "prompts.plain": "0123456789abcdef"}))
    analysis = analyse(edited, baseline=kept(old), n_resamples=200)
    assert analysis.baseline_run is not None
    assert analysis.baseline_run.invalid == ()
    assert analysis.baseline_run.n_paired == 40
    assert [each.candidate for each in analysis.against_run["answer"]] == [arm.arm_id for arm in arms]
    (change,) = [each for each in analysis.baseline_run.changed if each.what.startswith("prompt")]
    assert (change.what, change.baseline, change.candidate) == (
        "prompt “plain”",
        "version 01234567",
        "version feedface",
    )


def test_a_case_whose_calls_are_missing_stays_in_the_pair_with_bounds(before) -> None:
    broken = make_run(**(SHAPE | {"pending": 0.1}), seed=2)
    pair = paired(broken, before).pair("answer", 0)
    assert pair is not None and pair[0].n_missing > 0
    (comparison, _) = analyse(broken, baseline=kept(before), n_resamples=200).against_run["answer"]
    assert comparison.n_missing == pair[0].n_missing
    assert comparison.worst is not None and comparison.best is not None
    assert comparison.worst.point < comparison.estimate.point < comparison.best.point


def test_without_a_common_case_scores_are_compared_unpaired_and_times_not_at_all(before, after) -> None:
    fresh = tuple(replace(case, case_id=f"fresh-{case.case_id}", content_hash=f"fresh-{case.case_id}")
                  for case in after.plan.suite.cases)  # fmt: skip
    other = with_cases(after, fresh, {case.case_id: f"fresh-{case.case_id}" for case in after.plan.suite.cases})
    analysis = analyse(other, baseline=kept(before), n_resamples=200)
    assert analysis.baseline_run is not None and analysis.baseline_run.n_paired == 0
    assert set(analysis.against_run) == {"answer", "brief"}
    comparison = analysis.against_run["answer"][0]
    assert comparison.design != "paired"
    assert "not paired: less power" in comparison.cautions
    expected = mean(mean(x) for x in scores(other, 0).values()) - mean(mean(x) for x in scores(before, 0).values())
    assert comparison.estimate.point == pytest.approx(expected)


def test_a_tag_narrows_a_pair_to_its_cases(before, after) -> None:
    tagged = tuple(replace(case, tags=("hard",) if i < 7 else ()) for i, case in enumerate(after.plan.suite.cases))
    beside = paired(with_suite(after, cases=tagged), before)
    narrowed = beside.pair("answer", 0, "hard")
    assert narrowed is not None and set(narrowed[1].case) == set(range(7))
    assert beside.pair("answer", 0, "no-such-tag") is None


# ---------------------------------------------------------------- invalid, changed


def test_a_comparison_without_a_common_arm_is_invalid_and_shows_no_figure(after) -> None:
    other = make_run(**(SHAPE | {"arms": ("high", "xhigh")}), seed=1)
    analysis = analyse(after, baseline=kept(other), n_resamples=200)
    assert analysis.against_run == {}
    assert analysis.baseline_run is not None
    (reason,) = analysis.baseline_run.invalid
    assert "No arm is in both" in reason and "reasoning.effort xhigh" in reason and "reasoning.effort low" in reason


def test_another_primary_grader_makes_a_comparison_invalid_and_says_what_differs(before, after) -> None:
    answer, brief = after.plan.suite.graders
    stricter = with_suite(after, graders=(replace(answer, params={**answer.params, "tolerance": 0.5}), brief))
    assert mismatches(stricter.plan, facts_of(view(before))) == (
        "The grader “answer” is another one: tolerance not set there, 0.5 here.",
    )
    renamed = with_suite(after, graders=(replace(answer, grader_id="correct"), brief))
    assert mismatches(renamed.plan, facts_of(view(before))) == ("The baseline has no grader “correct”.",)


def test_another_secondary_grader_is_left_out_and_told_unless_a_gate_needs_it(before, after) -> None:
    answer, brief = after.plan.suite.graders
    changed = with_suite(after, graders=(answer, replace(brief, params={"max": 30})))
    analysis = analyse(changed, baseline=kept(before), n_resamples=200)
    assert analysis.baseline_run is not None and analysis.baseline_run.invalid == ()
    assert "brief" not in analysis.against_run and "answer" in analysis.against_run
    assert [(each.what, each.baseline, each.candidate) for each in analysis.baseline_run.changed] == [
        ("grader “brief” max", "20", "30")
    ]
    gate = GateSpec(number=1, demand=Demand.NON_INFERIOR, metric="brief", limit=0.1, scope=GateScope.BASELINE_RUN)
    assert len(mismatches(with_suite(changed, gates=(gate,)).plan, facts_of(view(before)))) == 1


def test_prices_environment_and_model_that_differ_are_told_in_words(before, after) -> None:
    (endpoint,) = after.plan.suite.endpoints
    dearer = with_suite(after, endpoints=(replace(endpoint, prices=Prices(input=1.5, output=4.5)),))
    moved = replace(dearer, manifest=replace(dearer.manifest, environment={"python": "3.12"}, version="9.9"))
    source = paired(moved, before).source
    told = {each.what: (each.baseline, each.candidate) for each in source.changed}
    assert told["prices sim input"] == ("0.75", "1.5")
    assert told["prices sim cached input"] == ("0.075", None)
    assert told["client's python"] == ("3.11", "3.12")
    assert told["evalharness version"] == ("0.1.0", "9.9")


def test_the_same_run_again_has_nothing_changed(before, after) -> None:
    assert paired(after, before).source.changed == ()


# ---------------------------------------------------------------- comparisons


def test_differences_are_of_the_case_means_of_both_runs(before, after) -> None:
    analysis = analyse(after, baseline=kept(before), n_resamples=200)
    for arm, comparison in enumerate(analysis.against_run["answer"]):
        old, new = scores(before, arm), scores(after, arm)
        changes = [mean(new[case_id]) - mean(old[case_id]) for case_id in new]
        assert comparison.estimate.point == pytest.approx(mean(changes))
        assert (comparison.gained, comparison.lost) == (sum(c > 1e-9 for c in changes), sum(c < -1e-9 for c in changes))
        assert comparison.n_pairs == 40
        assert comparison.design == "paired"


def test_a_planted_regression_reads_worse_and_slower_and_its_losses_come_first(before) -> None:
    worse = make_run(**SHAPE, seed=2, truth=WORSE)
    beside = paired(worse, before)
    analysis = analyse(worse, baseline=kept(before), n_resamples=500)
    assert [each.reading for each in analysis.against_run["answer"]] == [Reading.WORSE, Reading.WORSE]
    slow = analysis.against_run["ttfo_ms"][0]
    assert slow.reading is Reading.WORSE
    assert slow.estimate.point == pytest.approx(2.0, rel=0.2)
    moved = flips_against(beside)[worse.plan.arms[0].arm_id]
    changes = [flip.candidate_score - flip.baseline_score for flip in moved]
    assert changes[0] < 0
    assert [c < 0 for c in changes] == sorted([c < 0 for c in changes], reverse=True)


def test_the_shift_of_times_against_a_baseline_is_that_of_the_only_arm(before, after) -> None:
    alone = {**SHAPE, "arms": (next(iter(WORSE)),), "cases": 80}
    old, new = make_run(**alone, seed=1), make_run(**alone, seed=2, truth=WORSE)
    found = analyse(new, baseline=kept(old), n_resamples=500)
    arm_id = new.plan.arms[0].arm_id
    assert (found.run_shift.candidate, found.run_shift.baseline, found.run_shift.n_pairs) == (arm_id, arm_id, 80)
    median_ratio = next(each.estimate for each in found.run_shift.quantiles if each.q == 0.5)
    both = [np.median(view(run).table.metrics["total_ms"].reshape(80, -1), axis=1) for run in (new, old)]
    assert median_ratio.point == pytest.approx(np.median(both[0]) / np.median(both[1]), rel=0.1)
    assert 1.0 < median_ratio.lower < median_ratio.upper
    undecided = with_suite(after, decision=None)  # of two arms
    assert analyse(undecided, baseline=kept(before), n_resamples=200).run_shift is None


def test_levels_are_the_means_and_medians_that_stand_beside_a_comparison(before, after) -> None:
    found = {name: each[0] for name, each in against_run(paired(after, before)).items()}
    answer, total = found["answer"], found["total_ms"]
    assert answer.baseline_level.point == pytest.approx(mean(mean(x) for x in scores(before, 0).values()))
    assert answer.candidate_level.point == pytest.approx(mean(mean(x) for x in scores(after, 0).values()))
    assert answer.candidate_level.point - answer.baseline_level.point == pytest.approx(answer.estimate.point)
    table = view(before).table
    rows = table.arm_index == 0
    medians = [median(table.metrics["total_ms"][rows & (table.case_index == case)]) for case in range(40)]
    assert total.baseline_level.point == sorted(medians)[19]
    # Ranks 14 and 27 of 40: P(Bin(40, 1/2) <= 13) = .019, and <= 14 is .040 (tables of the binomial distribution).
    assert (total.baseline_level.lower, total.baseline_level.upper) == (sorted(medians)[13], sorted(medians)[26])
    alone = analyse(before, n_resamples=200).arms[0]
    assert answer.baseline_level == alone.quality["answer"]
    assert (found["cost_usd"].baseline_level.lower, found["cost_usd"].baseline_level.upper) == pytest.approx(
        (alone.cost_usd.lower, alone.cost_usd.upper), rel=0.1
    )


# ---------------------------------------------------------------- sums


@pytest.mark.parametrize("graded", [False, True])
def test_a_file_of_sums_gives_the_comparisons_of_the_run_itself(graded: bool) -> None:
    options = SHAPE | {"failures": 0.06, "incomplete": 0.03, "null_scores": 0.03, "graded_share": graded}
    old, new = make_run(**options, seed=1), make_run(**options, seed=2)
    whole = analyse(new, baseline=kept(old), n_resamples=300)
    sums = analyse(new, baseline=sums_of(trials_of(view(old))), n_resamples=300)
    assert sums.baseline_run is not None and sums.baseline_run.is_summary
    assert set(sums.against_run) == set(whole.against_run)
    for name, comparisons in whole.against_run.items():
        for one, other in zip(comparisons, sums.against_run[name], strict=True):
            limits = (one.shown.point, one.shown.lower, one.shown.upper, one.p_value)
            assert (other.shown.point, other.shown.lower, other.shown.upper, other.p_value) == pytest.approx(limits)
            assert (one.reading, one.n_missing, one.n_pairs) == (other.reading, other.n_missing, other.n_pairs)


def test_the_case_of_a_time_that_never_ended_half_the_time_keeps_its_place_in_sums() -> None:
    old = make_run(**(SHAPE | {"failures": 0.5}), seed=1)
    new = make_run(**(SHAPE | {"failures": 0.1}), seed=2)
    whole, sums = (paired(new, old, in_sums=in_sums).pair("total_ms", 0) for in_sums in (False, True))
    assert whole is not None and sums is not None
    assert np.isinf(whole[1].medians).any()
    assert sums[1].medians == pytest.approx(whole[1].medians)
    assert (sums[1].trials == whole[1].trials).all()


def test_what_failed_is_compared_like_a_score(before) -> None:
    failing = make_run(**(SHAPE | {"failures": 0.3}), seed=1)
    n_failed = sum(result.status is Status.ERROR for result in failing.results.values())
    for in_sums in (False, True):
        pairs = [paired(before, failing, in_sums=in_sums).pair("error_share", arm) for arm in (0, 1)]
        assert sum(float(pair[1].values.sum()) for pair in pairs if pair is not None) == n_failed


def test_cost_of_right_answers_pairs_cost_with_what_is_right(before, after) -> None:
    for in_sums in (False, True):
        spent = paired(after, before, in_sums=in_sums).spending_pair(0)
        assert spent is not None
        right = mean(mean(x) for x in scores(before, 0).values())
        assert spent[1].correct.means.mean() == pytest.approx(right)
        assert spent[1].cost.means.sum() > 0


@pytest.mark.parametrize("in_sums", [False, True])
def test_each_tag_has_the_mean_difference_of_its_cases(before, after, in_sums) -> None:
    tables = tag_tables_against(paired(after, before, in_sums=in_sums))
    assert set(tables) == {arm.arm_id for arm in after.plan.arms}
    tags = {case.case_id: case.tags for case in after.plan.suite.cases}
    for place, arm in enumerate(after.plan.arms):
        new, old = scores(after, place), scores(before, place)
        for effect in tables[arm.arm_id].effects:
            differences = [mean(new[case]) - mean(old[case]) for case in new if effect.tag in tags[case]]
            assert effect.raw.point == pytest.approx(mean(differences))
            assert effect.raw.n == len(differences)


def test_a_kind_of_case_that_alone_got_worse_is_shown_and_the_others_are_not(before) -> None:
    hard = {case.case_id for case in before.plan.suite.cases if "hard" in case.tags}
    right = replace(before, results={name: scored(result, 1.0) for name, result in before.results.items()})
    case_of = {trial.trial_id: trial.case_id for trial in before.plan.trials}
    wrong = {name: scored(result, 0.0 if case_of[name] in hard else 1.0) for name, result in before.results.items()}
    analysis = analyse(replace(before, results=wrong), baseline=kept(right), n_resamples=500)
    for table in analysis.run_tag_effects.values():
        assert {effect.tag for effect in table.effects if effect.is_shown} == {"hard"}
    assert analyse(before, n_resamples=200).run_tag_effects == {}


def scored(result: TrialResult, value: float) -> TrialResult:
    answer = replace(result.scores["answer"], value=value, passed=value == 1)
    return replace(result, scores={**result.scores, "answer": answer})
