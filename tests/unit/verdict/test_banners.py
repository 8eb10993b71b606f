from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.record import RunRecord
from evalharness.verdict.compare import analyse
from tests.support.runs import make_run

CLEAN = {"arms": 2, "cases": 30, "repeats": 1, "failures": 0, "incomplete": 0, "retries": 0}


@pytest.fixture(scope="module")
def clean_banners() -> tuple[str, ...]:
    return analyse(make_run(**CLEAN), n_resamples=200).banners


def said(run: RunRecord, words: str) -> list[str]:
    return [banner for banner in analyse(run, n_resamples=200).banners if words in banner]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pending": 0.3}, "The run is not finished: "),
        ({"null_scores": 0.3}, "planned trials ("),
        ({"cases": 8}, "Only 8 cases: too few to decide anything but by an exact test."),
        ({"cases": 15}, "Only 15 cases: intervals are wide"),
        ({"clusters": 5}, "Only 5 independent groups of cases"),
        ({"scope": "suite"}, "needs two repeats or more"),
        ({"honours_effort": False}, "The service seems not to honour the effort"),
        ({"drift": 4.0, "cases": 40, "repeats": 3}, "Times drifted: trials in the second half took "),
        ({"prices": None}, "Costs are unknown: no prices are set for sim."),
        ({"without_usage": 1.0}, "Costs are unknown: the service reported no usage."),
        ({"without_usage": 0.2}, "is unknown and not in the figures."),
        ({"without_usage": 0.2}, "ended without a count of tokens"),
        ({"hidden_reasoning": True}, "The service does not show its reasoning"),
    ],
)
def test_what_a_reader_must_know_is_said_and_otherwise_not(changes, words, clean_banners):
    assert said(make_run(**{**CLEAN, **changes}), words)
    assert not any(words in banner for banner in clean_banners)


@pytest.mark.parametrize(("cached_tokens", "expected"), [(0, 0), (1, 0), (30, 1), (None, 0)])
def test_cached_input_is_said_where_it_is_a_twentieth_of_the_input(cached_tokens, expected):
    run = make_run(**CLEAN)
    results = {}
    for key, result in run.results.items():
        call = result.calls[0]
        usage = replace(call.usage, cached_tokens=cached_tokens)
        results[key] = replace(result, calls=(replace(call, usage=usage),))
    assert len(said(replace(run, results=results), "of the input tokens came from the service's cache")) == expected


def test_two_models_behind_one_arm_are_named_with_their_counts():
    run = make_run(**CLEAN)
    key = next(trial.trial_id for trial in run.plan.trials if trial.arm_id == run.plan.arms[0].arm_id)
    call = run.results[key].calls[0]
    other = replace(call, answer=replace(call.answer, model_reported="sim-nano"))
    results = {**run.results, key: replace(run.results[key], calls=(other,))}
    assert said(replace(run, results=results), "none: sim-mini-2026-10 (29), sim-nano (1).")


def test_arms_without_a_common_case_are_said_to_be_unpaired():
    run = make_run(**CLEAN)
    half = {case.case_id for case in run.plan.suite.cases[:15]}
    results = dict(run.results)
    for trial in run.plan.trials:
        if (trial.case_id in half) == (trial.arm_id == run.plan.arms[0].arm_id):
            del results[trial.trial_id]
    assert said(replace(run, results=results), "compared without pairing")


def test_gaps_that_are_mostly_zero_are_not_to_be_relied_on():
    run = make_run(**CLEAN)
    results = {}
    for key, result in run.results.items():
        attempt = result.calls[0].attempts[0]
        flat = attempt.stamps.deltas_ns[:1] * 4
        stamped = replace(attempt, stamps=replace(attempt.stamps, deltas_ns=flat))
        results[key] = replace(result, calls=(replace(result.calls[0], attempts=(stamped,)),))
    assert said(replace(run, results=results), "do not rely on gaps")
    assert not said(run, "do not rely on gaps")
