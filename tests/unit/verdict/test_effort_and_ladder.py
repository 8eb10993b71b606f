from __future__ import annotations

from dataclasses import replace

from evalharness.core.findings import Reading
from evalharness.core.record import RunRecord
from evalharness.verdict.compare import analyse
from evalharness.verdict.effort import effort_evidence
from evalharness.verdict.ladder import ladders
from evalharness.verdict.view import view
from tests.support.runs import TRUTH, ArmTruth, make_run


def evidence(run: RunRecord):
    seen = view(run)
    found = effort_evidence(seen, seen.gathered.tallies)
    return [found[arm.arm_id] for arm in run.plan.arms]


def answering(run: RunRecord, **changes) -> RunRecord:
    """The same run with other words in its answers."""
    results = {}
    for key, result in run.results.items():
        calls = tuple(replace(call, answer=replace(call.answer, **changes)) for call in result.calls)
        results[key] = replace(result, calls=calls)
    return replace(run, results=results)


def labels(run: RunRecord) -> list[list[str]]:
    return [[run.plan.arms[arm].label for arm in rungs] for rungs in ladders(view(run))]


def test_efforts_climb_from_none_to_max_whatever_their_declared_order():
    run = make_run(arms=("max", "low", "none", "xhigh"), cases=2, repeats=1)
    assert labels(run) == [["none", "low", "xhigh", "max"]]


def test_each_combination_of_other_axes_has_its_own_ladder():
    run = make_run(arms=("low", "none"), prompts=("plain", "careful"), cases=2, repeats=1)
    assert labels(run) == [["none, plain", "low, plain"], ["none, careful", "low, careful"]]


def test_without_an_effort_axis_the_first_axis_is_climbed_as_declared():
    run = make_run(arms=1, prompts=("plain", "careful", "brief"), cases=2, repeats=1)
    assert labels(run) == [["plain", "careful", "brief"]]


def test_a_single_arm_has_no_ladder_and_no_step():
    run = make_run(arms=1, cases=2, repeats=1)
    assert labels(run) == []
    assert analyse(run, n_resamples=200).steps == ()


def test_an_honoured_effort_is_seen_in_its_tokens():
    found = evidence(make_run(arms=("none", "high"), cases=20, repeats=1, failures=0))
    assert [each.honoured for each in found] == [True, True]
    assert found[1].requested == "high"
    assert found[1].reported == {"high": 20}


def test_a_service_that_reports_another_effort_is_caught_by_its_words():
    found = evidence(make_run(arms=("medium", "high"), cases=20, repeats=1, honours_effort=False))
    assert found[1].honoured is False
    assert found[1].reason.startswith("asked for high, the service reported medium (")


def test_a_service_that_repeats_the_effort_and_ignores_it_is_caught_by_its_tokens():
    run = make_run(arms=("low", "high"), cases=40, repeats=1, honours_effort=False)
    silent = answering(run, effort_reported=None)
    assert [each.honoured for each in evidence(silent)] == [False, False]
    assert "do not rise" in evidence(silent)[0].reason
    banner = next(text for text in analyse(silent, n_resamples=200).banners if "honour" in text)
    assert banner.startswith("The service seems not to honour the effort of all arms")


def test_without_tokens_and_words_there_is_nothing_to_judge_by():
    run = answering(make_run(arms=("low", "high"), cases=20, repeats=1, without_usage=1.0), effort_reported=None)
    assert [each.honoured for each in evidence(run)] == [None, None]


def test_a_few_cases_cannot_show_that_an_effort_was_ignored():
    run = make_run(arms=("low", "high"), cases=6, repeats=1, honours_effort=False)
    assert [each.honoured for each in evidence(answering(run, effort_reported=None))] == [None, None]


RISING = {
    "none": ArmTruth(accuracy=0.3, reasoning_tokens=0, ttfo_ms=300),
    "low": ArmTruth(accuracy=0.6, reasoning_tokens=100, ttfo_ms=600),
    "high": ArmTruth(accuracy=0.9, reasoning_tokens=500, ttfo_ms=900),
}


def test_a_rising_ladder_has_a_trend_per_step_and_no_step_that_fell():
    analysis = analyse(make_run(arms=("high", "none", "low"), cases=80, repeats=2, failures=0, truth=RISING))
    trend = analysis.trend
    assert [analysis.arm(arm).label for arm in trend.arms] == ["none", "low", "high"]
    assert trend.n_steps == 2
    assert trend.estimate.lower < 0.3 < trend.estimate.upper
    assert trend.reading is Reading.BETTER
    assert trend.p_value < 0.001
    assert trend.fell == ()


def test_a_trend_names_the_step_that_fell():
    truth = {**RISING, "low": replace(RISING["high"], accuracy=0.95), "high": replace(RISING["high"], accuracy=0.7)}
    analysis = analyse(make_run(arms=("none", "low", "high"), cases=80, repeats=2, failures=0, truth=truth))
    assert analysis.trend.reading is Reading.BETTER
    assert [[analysis.arm(arm).label for arm in step] for step in analysis.trend.fell] == [["low", "high"]]


def test_two_efforts_and_axes_without_an_order_have_no_trend():
    assert analyse(make_run(arms=2, cases=12, repeats=1), n_resamples=200).trend is None
    prompts = make_run(arms=1, prompts=("plain", "careful", "brief"), cases=12, repeats=1)
    assert analyse(prompts, n_resamples=200).trend is None
    in_suite = make_run(arms=3, cases=12, repeats=2, scope="suite")
    assert analyse(in_suite, n_resamples=200).trend is None


def test_the_trend_is_that_of_the_ladder_with_the_baseline():
    run = make_run(arms=3, prompts=("plain", "careful"), cases=12, repeats=1)
    sweep = replace(run.plan.suite.sweep, baseline={"prompt": "careful", "reasoning.effort": "none"})
    other = replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, sweep=sweep)))
    for each, prompt in ((run, "plain"), (other, "careful")):
        analysis = analyse(each, n_resamples=200)
        assert analysis.baseline in analysis.trend.arms
        assert all(analysis.arm(arm).label.endswith(prompt) for arm in analysis.trend.arms)


def test_missing_trials_that_could_turn_a_trend_are_said():
    trend = analyse(make_run(arms=3, cases=60, repeats=1, failures=0.3), n_resamples=500).trend
    assert "missing trials could change this reading" in trend.cautions


def test_a_handful_of_cases_gives_no_reading_of_a_trend_but_by_an_exact_test():
    trend = analyse(make_run(arms=3, cases=4, repeats=2, failures=0, truth={**TRUTH, **RISING}), n_resamples=500).trend
    assert trend.reading is Reading.TOO_CLOSE
