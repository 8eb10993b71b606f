from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from dataclasses import replace

import pytest

from evalharness.core.findings import Analysis
from evalharness.core.model import EndpointKind, Status
from evalharness.core.record import Call, Observed, RunRecord, StampSource
from evalharness.verdict.compare import analyse
from tests.support.runs import make_run

CLEAN = {"arms": 2, "cases": 30, "repeats": 1, "failures": 0, "incomplete": 0, "retries": 0}


@pytest.fixture(scope="module")
def clean() -> Analysis:
    return analyse(make_run(**CLEAN), n_resamples=200)


def said(run: RunRecord, words: str) -> list[str]:
    return [banner for banner in analyse(run, n_resamples=200).banners if words in banner]


def noted(run: RunRecord, words: str) -> list[str]:
    found = analyse(run, n_resamples=200)
    assert not any(words in banner for banner in found.banners), "said once, beside the times"
    return [note for note in found.notes if words in note]


def with_calls(run: RunRecord, change: Callable[[Call], Call]) -> RunRecord:
    """The run with the first call of every trial changed."""
    results = {
        key: replace(result, calls=(change(result.calls[0]), *result.calls[1:])) for key, result in run.results.items()
    }
    return replace(run, results=results)


def of_model(run: RunRecord, asked: str) -> RunRecord:
    return replace(run, plan=replace(run.plan, arms=tuple(replace(arm, model=asked) for arm in run.plan.arms)))


def with_suite(run: RunRecord, **changes) -> RunRecord:
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, **changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"null_scores": 0.3}, "have no score of “answer”: "),
        ({"cases": 8}, "Only 8 cases: too few to decide anything but by an exact test."),
        ({"cases": 15}, "Only 15 cases: intervals are wide"),
        ({"clusters": 5}, "Only 5 independent groups of cases"),
        ({"scope": "suite"}, "needs two repeats or more"),
        ({"honours_effort": False}, "The service seems not to honour the effort"),
        ({"drift": 4.0, "cases": 40, "repeats": 3}, "Times drifted: trials in the second half took "),
        ({"prices": None}, "Costs are unknown: no prices are set for sim."),
        ({"without_usage": 1.0}, "Costs are unknown: the service reported no usage."),
        ({"without_usage": 0.2}, "is unknown and not in the figures."),
    ],
)
def test_what_a_reader_must_know_is_said_and_otherwise_not(changes, words, clean):
    assert said(make_run(**{**CLEAN, **changes}), words)
    assert not any(words in banner for banner in clean.banners)


def test_hidden_reasoning_is_said_beside_the_times(clean):
    words = "The service does not show its reasoning"
    assert noted(make_run(**{**CLEAN, "hidden_reasoning": True}), words)
    assert not any(words in note for note in clean.notes)


def test_a_small_drift_is_said_beside_the_times_and_a_large_one_before_all_numbers():
    """The second half takes (1 + 3d/4) / (1 + d/4) times as long as the first: 9% more at 0.18, 100% at 4."""
    shape = {**CLEAN, "cases": 120, "repeats": 4}
    small, large = make_run(**shape, drift=0.18), make_run(**shape, drift=4.0)
    assert noted(small, "Times drifted")
    assert said(large, "Times drifted")
    assert not any("Times drifted" in note for note in analyse(large, n_resamples=200).notes)


def test_that_no_drift_was_found_or_none_could_be_told_is_said_once_beside_the_times():
    found, untold = "No drift of times over the run was found", "Whether times drifted over the run cannot be told"
    shape = {**CLEAN, "cases": 120, "repeats": 4}
    (steady,) = noted(make_run(**shape), found)
    # Nothing moved: the halves are alike within a few percent.
    assert re.search(r"took (0\.9\d|1\.0\d)× as long", steady)
    assert not noted(make_run(**shape, drift=0.18), found)
    assert not noted(make_run(**shape), untold)
    few = make_run(**{**CLEAN, "cases": 2})
    assert len(noted(few, untold)) == 1
    assert not noted(few, found)
    assert not noted(make_run(**{**CLEAN, "failures": 1.0}), untold)


def test_arms_run_one_after_the_other_while_times_drift_cannot_be_compared_in_time():
    shape = {**CLEAN, "cases": 40, "repeats": 3, "drift": 4.0}
    words = "The arms ran one after the other while times drifted"
    assert said(make_run(**shape, one_by_one=True), words)
    assert not said(make_run(**shape), words)


def test_a_failed_trial_of_unknown_cost_is_no_banner():
    run = make_run(**{**CLEAN, "cases": 60})
    key = next(iter(run.results))
    calls = tuple(replace(call, cost_usd=None) for call in run.results[key].calls)
    results = {**run.results, key: replace(run.results[key], calls=calls, cost_usd=None)}
    found = analyse(replace(run, results=results), n_resamples=200)
    assert sum(arm.n_without_cost for arm in found.arms) == 1
    assert not any("cost" in banner for banner in found.banners)


@pytest.mark.parametrize("changes", [{"decision": None}, {"arms": 1}, {"kind": EndpointKind.LOCAL}])
def test_unknown_costs_are_no_banner_where_no_rule_needs_them_or_the_model_runs_here(changes):
    kind = changes.pop("kind", EndpointKind.HTTP)
    run = make_run(**{**CLEAN, "prices": None, **changes})
    endpoint = replace(run.plan.suite.endpoints[0], kind=kind)
    assert not said(with_suite(run, endpoints=(endpoint,)), "Costs are unknown")


@pytest.mark.parametrize(
    ("arms", "prompts", "expected"),
    [
        (2, ("plain",), "30 of 30 answers of “low” are as long as max_output_tokens allows: they were cut off"),
        (1, ("plain",), "30 of 30 answers of all calls are as long"),
        (
            ("low",),
            ("plain", "careful, slow"),
            "30 of 30 answers of “plain” and 30 of 30 answers of “careful, slow” are as long",
        ),
    ],
)
def test_answers_that_end_at_the_limit_and_are_called_complete_are_counted_by_arm(arms, prompts, expected):
    run = make_run(**{**CLEAN, "arms": arms, "prompts": prompts})

    def cut(call: Call) -> Call:
        spent = call.request["max_output_tokens"] if arms == 1 or call.request["reasoning"]["effort"] == "low" else 9
        return replace(call, usage=replace(call.usage, output_tokens=spent))

    assert said(with_calls(run, cut), expected)
    assert not said(run, "cut off")


@pytest.mark.parametrize("status", [Status.INCOMPLETE, Status.REFUSED])
def test_answers_that_the_service_itself_calls_cut_are_not_said_twice(status):
    run = with_calls(make_run(**CLEAN), lambda call: replace(call, usage=replace(call.usage, output_tokens=16_384)))
    results = {key: replace(result, status=status) for key, result in run.results.items()}
    assert not said(replace(run, results=results), "cut off")


USED_UP, SHORT = "Reasoning used up max_output_tokens", "Another limit ended them"


@pytest.mark.parametrize(
    ("asked", "tokens", "reasoning", "words", "named"),
    [
        (16_384, 16_384, 16_000, USED_UP, "30 of 30 trials of “low” (limit 16,384 tokens)"),
        (16_384, 16_390, 16_000, USED_UP, "30 of 30 trials of “low” (limit 16,384 tokens)"),
        (16_384, 9_000, 8_000, SHORT, "30 of 30 trials of “low” (limit 16,384 tokens)"),
        (None, 9_000, 8_000, SHORT, "30 of 30 trials of “low” (no limit was asked for)"),
        (16_384, 16_384, 300, None, ""),
        (None, 16_384, 300, None, ""),
    ],
)
def test_reasoning_used_up_the_limit_where_the_answer_has_as_many_tokens_as_were_asked_for(
    asked, tokens, reasoning, words, named
):
    run = make_run(**CLEAN)
    requests = [dict(arm.request) | {"max_output_tokens": asked} for arm in run.plan.arms]
    arms = tuple(replace(arm, request=request) for arm, request in zip(run.plan.arms, requests, strict=True))
    efforts = {trial.trial_id: arm.effort for arm in arms for trial in run.plan.trials if trial.arm_id == arm.arm_id}
    results = {}
    for key, result in run.results.items():
        (call,) = result.calls
        if efforts[key] == "low":
            usage = replace(call.usage, output_tokens=tokens, reasoning_tokens=reasoning)
            answer = replace(call.answer, stop_reason="max_output_tokens")
            call = replace(call, status=Status.INCOMPLETE, usage=usage, answer=answer)
            result = replace(result, status=Status.INCOMPLETE, calls=(call,))
        results[key] = result
    run = replace(run, plan=replace(run.plan, arms=arms), results=results)
    found = {each: said(run, each) for each in (USED_UP, SHORT)}
    assert [each for each in found if found[each]] == ([words] if words else [])
    assert words is None or f": {named}. " in found[words][0]


@pytest.mark.parametrize(
    ("asked", "answered", "differs"),
    [
        ("gpt-5-mini", "gpt-5-mini-2025-08-07", False),
        ("openai/gpt-5-mini", "gpt-5-mini", False),
        ("mistral-large-latest", "mistral-large-2411", False),
        ("Qwen3:latest", "qwen3", False),
        ("gpt-5", "gpt-5-mini-2025-08-07", True),
        ("gpt-4", "gpt-4.1", True),
        ("gpt-4", "gpt-4-32k", True),
    ],
)
def test_another_model_than_was_asked_for_is_named_but_a_dated_version_is_the_same(asked, answered, differs):
    run = with_calls(
        of_model(make_run(**CLEAN), asked),
        lambda call: replace(call, answer=replace(call.answer, model_reported=answered)),
    )
    expected = f"Asked for {asked}, the service says that another model answered: {answered} (60)."
    assert (expected in analyse(run, n_resamples=200).banners) is differs
    assert bool(said(run, "another model")) is differs


@pytest.mark.parametrize(("cached_tokens", "expected"), [(0, 0), (1, 0), (30, 1), (None, 0)])
def test_cached_input_is_said_where_it_is_a_twentieth_of_the_input(cached_tokens, expected):
    run = with_calls(
        make_run(**CLEAN), lambda call: replace(call, usage=replace(call.usage, cached_tokens=cached_tokens))
    )
    assert len(noted(run, "of the input tokens came from the service's cache")) == expected


def test_two_versions_behind_one_arm_are_named_with_their_counts():
    run = make_run(**CLEAN)
    key = next(trial.trial_id for trial in run.plan.trials if trial.arm_id == run.plan.arms[0].arm_id)
    call = run.results[key].calls[0]
    other = replace(call, answer=replace(call.answer, model_reported="sim-mini-2026-11"))
    results = {**run.results, key: replace(run.results[key], calls=(other,))}
    assert said(replace(run, results=results), "arm: “none” by sim-mini-2026-10 (29), sim-mini-2026-11 (1).")


def test_arms_without_a_common_case_are_said_to_be_unpaired():
    run = make_run(**CLEAN)
    half = {case.case_id for case in run.plan.suite.cases[:15]}
    results = dict(run.results)
    for trial in run.plan.trials:
        if (trial.case_id in half) == (trial.arm_id == run.plan.arms[0].arm_id):
            del results[trial.trial_id]
    assert said(replace(run, results=results), "compared without pairing")


def test_gaps_that_are_mostly_zero_are_not_to_be_relied_on():
    def flat(call: Call) -> Call:
        attempt = call.attempts[0]
        stamps = replace(attempt.stamps, deltas_ns=attempt.stamps.deltas_ns[:1] * 4)
        return replace(call, attempts=(replace(attempt, stamps=stamps),))

    run = make_run(**CLEAN)
    assert noted(with_calls(run, flat), "are exactly 0 in all arms: do not rely on gaps there.")
    assert not noted(run, "do not rely on gaps")


def test_lumps_that_this_client_saw_well_are_said_to_come_from_elsewhere():
    def lumped(call: Call, n_coalesced: int) -> Call:
        attempt = call.attempts[0]
        first, *_, last = attempt.stamps.deltas_ns
        stamps = replace(attempt.stamps, deltas_ns=array("q", [first, first, first, last]))
        seen = Observed(source=StampSource.KERNEL, send_ns=0, max_lag_ns=0, n_coalesced=n_coalesced)
        return replace(call, attempts=(replace(attempt, stamps=stamps, observed=seen),))

    run = make_run(**CLEAN)
    by_others = with_calls(run, lambda call: lumped(call, 0))
    assert noted(by_others, "Answers came in lumps, in all arms: up to 67% of the gaps between deltas are exactly 0.")
    assert not noted(with_calls(run, lambda call: lumped(call, 2)), "in lumps"), "this client read late"
    assert not noted(run, "in lumps")
