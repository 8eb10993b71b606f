"""What a step takes, what routing could gain, which arms are worth having: on runs whose answer is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from evalharness.core.findings import CaseReading, NoPrice, Outcome, Reading
from evalharness.core.model import Status
from evalharness.core.record import RunRecord, Score
from evalharness.verdict.compare import analyse
from tests.support.runs import ArmTruth, make_run

#: Right by (effort, case number, repeat).
Right = Callable[[str, int, int], bool]


def answered(run: RunRecord, right: Right) -> RunRecord:
    """The same run with every answer complete, and right where ``right`` says so."""
    efforts = {arm.arm_id: str(arm.effort) for arm in run.plan.arms}
    results = {}
    for trial in run.plan.trials:
        given = right(efforts[trial.arm_id], int(trial.case_id[-4:]), trial.repeat_index)
        score = Score(grader="numeric", value=float(given), passed=given)
        result = run.results[trial.trial_id]
        results[trial.trial_id] = replace(
            result, status=Status.OK, scores={**result.scores, "answer": score}, failure=None
        )
    return replace(run, results=results)


def plain(**options: object) -> RunRecord:
    return make_run(failures=0.0, incomplete=0.0, retries=0.0, **options)


def arm_ids(run: RunRecord) -> Mapping[str, str]:
    return {str(arm.effort): arm.arm_id for arm in run.plan.arms}


# ---------------------------------------------------------------- steps


def test_a_step_that_gains_has_a_price_and_one_that_does_not_says_why():
    """``low`` gains 50 points, ``medium`` loses 40, ``high`` changes four cases of eighty, two each way."""

    def right(effort: str, case: int, repeat: int) -> bool:
        solved = {"none": 20, "low": 60, "medium": 28, "high": 28}[effort]
        return (case < solved) != (effort == "high" and case in (0, 1, 78, 79))

    run = answered(plain(arms=("none", "low", "medium", "high"), cases=80, repeats=1, decision=None), right)
    steps = analyse(run, n_resamples=500).steps
    assert [step.quality.reading for step in steps] == [Reading.BETTER, Reading.WORSE, Reading.TOO_CLOSE]
    price = steps[0].usd_per_score.estimate
    assert price.point == pytest.approx(steps[0].extra_cost_usd.point / 0.5)
    assert price.lower < price.point < price.upper
    waiting = steps[0].ms_per_score.estimate
    assert waiting.point == pytest.approx(steps[0].extra_ms.point / 0.5)
    assert [step.usd_per_score.why_not for step in steps[1:]] == [NoPrice.LOSES, NoPrice.CANNOT_TELL]
    assert all(step.usd_per_score.estimate is None for step in steps[1:])


def test_a_gain_for_less_money_takes_no_more_instead_of_having_a_negative_price():
    truth = {
        "none": ArmTruth(accuracy=0.2, reasoning_tokens=2_000, ttfo_ms=9_000),
        "low": ArmTruth(accuracy=0.9, reasoning_tokens=50, ttfo_ms=300),
    }
    (step,) = analyse(plain(arms=("none", "low"), cases=60, repeats=1, truth=truth), n_resamples=500).steps
    assert step.quality.reading is Reading.BETTER
    assert (step.usd_per_score.why_not, step.ms_per_score.why_not) == (NoPrice.SAVES, NoPrice.SAVES)


def test_without_prices_a_step_has_no_price_in_money_but_one_in_time():
    truth = {
        "none": ArmTruth(accuracy=0.2, reasoning_tokens=0, ttfo_ms=300),
        "low": ArmTruth(accuracy=0.9, reasoning_tokens=50, ttfo_ms=900),
    }
    run = plain(arms=("none", "low"), cases=60, repeats=1, truth=truth, prices=None)
    (step,) = analyse(run, n_resamples=500).steps
    assert step.usd_per_score is None
    assert 0 < step.ms_per_score.estimate.lower < step.ms_per_score.estimate.upper


def test_the_line_that_never_falls_levels_the_arms_that_fell():
    def right(effort: str, case: int, repeat: int) -> bool:
        return case < {"none": 10, "low": 30, "medium": 20, "high": 40}[effort]

    run = answered(plain(arms=("none", "low", "medium", "high"), cases=50, repeats=1), right)
    trend = analyse(run, n_resamples=500).trend
    ids = arm_ids(run)
    assert trend.rising_line == pytest.approx((0.2, 0.5, 0.5, 0.8)), "0.6 and 0.4 levelled to their mean"
    assert trend.levelled == ((ids["low"], ids["medium"]),)


def test_times_and_tokens_that_rise_with_the_effort_are_said_to_rise():
    found = analyse(plain(arms=("none", "low", "medium"), cases=30, repeats=1), n_resamples=500).ordered
    assert {each.metric: each.rises for each in found} == dict.fromkeys(
        ("reasoning_tokens", "output_tokens", "ttfo_ms", "total_ms"), True
    )
    same = dict.fromkeys(("none", "low", "medium"), ArmTruth(accuracy=0.5, reasoning_tokens=100, ttfo_ms=500))
    flat = analyse(plain(arms=("none", "low", "medium"), cases=30, repeats=1, truth=same), n_resamples=500).ordered
    assert {each.rises for each in flat} == {None}


# ---------------------------------------------------------------- routing


def test_arms_that_suit_different_cases_are_worth_routing_and_the_tag_that_tells_them_is_named():
    """A third of the cases is tagged ``hard``: there only ``low`` is right, elsewhere only ``none``."""

    def right(effort: str, case: int, repeat: int) -> bool:
        return (effort == "low") == (case % 3 == 0)

    run = answered(plain(arms=("none", "low"), cases=90, repeats=2), right)
    found, ids = analyse(run, n_resamples=500).router, arm_ids(run)
    assert found.best_arm == ids["none"]
    assert found.held_out.is_shown
    assert found.held_out.gain.point == pytest.approx(1 / 3)
    assert found.held_out.choices == pytest.approx({ids["none"]: 2 / 3, ids["low"]: 1 / 3})
    assert [(tag.tag, tag.arm_id) for tag in found.tags if tag.is_shown] == [("hard", ids["low"])]
    assert found.solved.flipping.point == 1


def test_shares_of_cases_that_no_try_and_every_try_solves_are_counted():
    def right(effort: str, case: int, repeat: int) -> bool:
        return case < 10 or (case < 16 and effort == "low" and repeat == 0)

    run = answered(plain(arms=("none", "low"), cases=40, repeats=2), right)
    solved = analyse(run, n_resamples=500).router.solved
    shares = (solved.by_all.point, solved.flipping.point, solved.by_none.point)
    assert shares == pytest.approx((10 / 40, 6 / 40, 24 / 40))


def test_the_gain_of_routing_over_copies_of_one_arm_is_not_claimed():
    """The naive gain is: that is what makes it a trap."""
    copy = ArmTruth(accuracy=0.6, reasoning_tokens=100, ttfo_ms=500)
    truth = dict.fromkeys(("none", "low", "medium", "high"), copy)
    claimed = 0
    for seed in range(12):
        run = plain(arms=tuple(truth), cases=60, repeats=2, truth=truth, difficulty_spread=0.5, seed=seed)
        found = analyse(run, n_resamples=200).router
        assert found.naive_gain > 0.05
        claimed += found.held_out.is_shown or any(tag.is_shown for tag in found.tags)
    assert claimed == 0


def test_one_repeat_leaves_the_ideal_router_open_and_says_why():
    found = analyse(plain(arms=3, cases=30, repeats=1), n_resamples=200).router
    assert found.held_out is None
    assert "one trial" in found.reason


# ---------------------------------------------------------------- the front


def test_an_arm_that_is_worse_dearer_and_slower_is_dominated_by_the_one_that_is_not():
    truth = {
        "none": ArmTruth(accuracy=0.3, reasoning_tokens=0, ttfo_ms=300),
        "low": ArmTruth(accuracy=0.95, reasoning_tokens=100, ttfo_ms=900),
        "medium": ArmTruth(accuracy=0.4, reasoning_tokens=3_000, ttfo_ms=9_000),
    }
    run = plain(arms=tuple(truth), cases=120, repeats=1, truth=truth)
    front, ids = analyse(run, n_resamples=500).front, arm_ids(run)
    assert front.axes == ("quality", "cost", "time")
    assert front.places[ids["medium"]].front_share < 0.05
    assert front.places[ids["medium"]].dominated_by[0][0] == ids["low"]
    assert min(front.places[ids[effort]].front_share for effort in ("none", "low")) > 0.95


# ---------------------------------------------------------------- tags and cases


def test_a_tag_is_shown_only_where_the_tags_differ_from_each_other():
    """``low`` solves all ``hard`` cases that ``none`` does not, and nothing else; then the same gain in all tags."""

    def only_hard(effort: str, case: int, repeat: int) -> bool:
        return case % 3 > 0 or effort == "low"

    def alike(effort: str, case: int, repeat: int) -> bool:
        return case % 7 > 2 or effort == "low"

    run = plain(arms=("none", "low"), cases=120, repeats=1)
    low = arm_ids(run)["low"]
    found = analyse(answered(run, only_hard), n_resamples=500).tag_effects[low]
    shown = {effect.tag: effect.raw.point for effect in found.effects if effect.is_shown}
    assert shown == {"hard": 1.0}
    everywhere = analyse(answered(run, alike), n_resamples=500).tag_effects[low]
    assert not any(effect.is_shown for effect in everywhere.effects)
    assert {effect.reason for effect in everywhere.effects} == {"the tags are not shown to differ from each other"}


def test_a_case_regressed_only_where_its_own_repeats_show_it():
    """Case 0 falls from 8 of 8 to none, case 1 from 8 of 8 to 6, and with one repeat each nothing can be shown."""

    def right(effort: str, case: int, repeat: int) -> bool:
        fewer = {0: 0, 1: 6}.get(case, 8)
        return repeat < (fewer if effort == "low" else 8)

    run = answered(plain(arms=("none", "low"), cases=30, repeats=8), right)
    flips = analyse(run, n_resamples=200).flips[arm_ids(run)["low"]]
    assert [(flip.case_id, flip.reading) for flip in flips] == [
        ("case-0000", CaseReading.REGRESSED),
        ("case-0001", CaseReading.CHANGED),
    ]
    once = answered(
        plain(arms=("none", "low"), cases=30, repeats=1), lambda effort, case, _: case > 3 or effort == "none"
    )
    (readings,) = analyse(once, n_resamples=200).flips.values()
    assert [flip.reading for flip in readings] == [CaseReading.CHANGED] * 4


def test_the_shift_of_times_is_that_of_the_recommended_arm_and_of_an_only_candidate():
    run = plain(arms=("none", "low"), cases=80, repeats=2, decision=None)
    ids, found = arm_ids(run), analyse(run, n_resamples=500)
    assert found.decision.outcome is Outcome.NO_RULE
    assert (found.shift.candidate, found.shift.baseline) == (ids["low"], ids["none"])
    median = next(each.estimate for each in found.shift.quantiles if each.q == 0.5)
    assert 1.5 < median.lower < median.point < median.upper < 3.0
    assert analyse(plain(arms=3, cases=40, repeats=1, decision=None), n_resamples=200).shift is None


# ---------------------------------------------------------------- cut by reasoning


def test_an_answer_is_cut_by_reasoning_where_thinking_took_more_than_half_of_its_tokens():
    run = plain(arms=("none", "high"), cases=40, repeats=1)
    efforts = {arm.arm_id: arm.effort for arm in run.plan.arms}
    results = {}
    for trial in run.plan.trials:
        result = run.results[trial.trial_id]
        (call,) = result.calls
        cut = replace(call, status=Status.INCOMPLETE, answer=replace(call.answer, stop_reason="max_output_tokens"))
        if efforts[trial.arm_id] == "none":
            cut = replace(cut, usage=replace(call.usage, reasoning_tokens=10, output_tokens=20))
        results[trial.trial_id] = replace(result, status=Status.INCOMPLETE, calls=(cut,))
    found = analyse(replace(run, results=results), n_resamples=200)
    assert [(arm.n_cut, arm.n_cut_by_reasoning) for arm in found.arms] == [(40, 0), (40, 40)]


def test_a_cut_answer_without_usage_is_not_counted_for_or_against_reasoning():
    run = make_run(arms=2, cases=30, repeats=1, incomplete=0.5, without_usage=1.0)
    assert {arm.n_cut_by_reasoning for arm in analyse(run, n_resamples=200).arms} == {None}
    none_cut = analyse(plain(arms=2, cases=10, repeats=1), n_resamples=200)
    assert {(arm.n_cut, arm.n_cut_by_reasoning) for arm in none_cut.arms} == {(0, 0)}


# ---------------------------------------------------------------- degenerate runs


@pytest.mark.parametrize(
    "options",
    [
        {"arms": 1},
        {"arms": 3, "cases": 1},
        {"arms": 3, "accuracy": 0.0},
        {"arms": 3, "accuracy": 1.0},
        {"arms": 3, "prices": None, "without_usage": 1.0},
        {"arms": 3, "failures": 1.0},
        {"arms": 3, "pending": 1.0},
        {"arms": 3, "null_scores": 1.0},
        {"arms": 3, "repeats": 4, "graded_share": True},
        {"arms": 3, "repeats": 2, "scope": "suite"},
        {"arms": 3, "clusters": 1},
        {"arms": 3, "stream": False},
    ],
    ids=str,
)
def test_degenerate_runs_have_insights_without_a_number_that_is_none(options):
    options = {"cases": 12, "repeats": 1, "failures": 0.1} | options
    if (accuracy := options.pop("accuracy", None)) is not None:
        alike = ArmTruth(accuracy=accuracy, reasoning_tokens=100, ttfo_ms=500)
        options |= {"truth": dict.fromkeys(("none", "low", "medium"), alike)}
    found = analyse(make_run(**options), n_resamples=200)
    said = repr((found.router, found.front, found.ordered, found.tag_effects, found.shift, found.steps, found.flips))
    assert "nan" not in said
    assert "inf" not in said.replace("infinit", "")
