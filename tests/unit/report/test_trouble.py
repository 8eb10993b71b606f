"""What a report says of calls that failed, are missing, or have no score."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.findings import Standing
from evalharness.core.model import PendingReason, Status
from evalharness.core.record import LostAttempt, RunRecord, TrialResult
from evalharness.report import index, trouble
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.report.summary import report_json
from evalharness.report.verdict_text import verdict_text
from evalharness.verdict.compare import analyse
from tests.support.reports import analysed, rendered, shown_text
from tests.support.runs import make_run

LOST = LostAttempt(trial_id="t", turn_index=0, attempt_index=0, session=1, begun_utc="2026-11-22T14:02:16Z")


def failed(run: RunRecord, message: str) -> RunRecord:
    """Every failed call with this message; ``{n}`` in it is a number of its own."""
    results = {}
    for n, (trial_id, result) in enumerate(run.results.items()):
        failure = Failure(kind=FailureKind.REQUEST, message=message.format(n=n)) if result.failure else None
        results[trial_id] = replace(result, failure=failure)
    return replace(run, results=results)


def test_a_run_whose_calls_all_failed_says_why_and_gives_no_verdict():
    run = failed(make_run(arms=3, cases=12, repeats=1, failures=1.0), "HTTP 404: the model gpt-9 does not exist")
    said = verdict_text(run, analyse(run))
    assert said.heading == "Nothing measured"
    assert said.lead == "All 36 calls failed: request: HTTP 404: the model gpt-9 does not exist (36×)."
    assert not said.bullets
    assert not said.rule


@pytest.mark.parametrize("kind", ["all failed", "nothing sent", "not graded"])
def test_a_run_that_measured_nothing_prints_no_winner_and_no_limit(kind):
    text = shown_text(rendered(kind))
    assert "No clear winner" not in text
    assert "breaks a limit" not in text
    assert "not ruled out" not in text


def test_failures_that_differ_in_an_id_alone_are_counted_together():
    run = failed(make_run(arms=2, cases=10, repeats=1, failures=1.0), "HTTP 500: failed, request id req_{n:08x}")
    assert verdict_text(run, analyse(run)).lead.endswith("(20×).")


def test_failures_of_several_arms_are_said_once():
    run = failed(make_run(arms=2, cases=40, repeats=1, failures=0.3, seed=3), "HTTP 400: no such parameter")
    sentence = trouble.failures_sentence(run, analyse(run))
    n_failed = sum(result.status is Status.ERROR for result in run.results.values())
    assert sentence.startswith(f"{n_failed} of 80 calls failed (")
    assert sentence.endswith(f": request: HTTP 400: no such parameter ({n_failed}×).")
    assert sum("failed" in bullet for bullet in verdict_text(run, analyse(run)).bullets) == 1


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        (PendingReason.BUDGET, "Raise the budget (--max-cost, or budget in the suite) and run the same command again."),
        (PendingReason.INTERRUPTED, "Run the same command again."),
        (PendingReason.ABORTED, "Run the same command again."),
        (None, "Run the same command again."),
    ],
)
def test_an_unfinished_run_says_how_to_go_on_and_forecasts_nothing(reason, how):
    run, analysis = analysed("interrupted")
    run = replace(run, manifest=replace(run.manifest, stop_reason=reason))
    said = verdict_text(run, analysis)
    assert said.lead.startswith(f"The run is not finished: 71 of 180 calls are missing. {how}")
    assert said.heading == "Not finished"
    assert "would settle" not in " ".join([said.lead, *said.bullets])


def test_the_index_shows_the_range_over_arms_where_no_rule_names_one():
    run, analysis = analysed("no rule")
    html = index.render([json.loads(report_json(run, analysis))])
    low, *_, high = sorted(arm.quality[analysis.primary].point for arm in analysis.arms)
    assert f"{low:.0%} to {high:.0%}" in html
    assert "3 arms" in html


def test_graders_of_few_cases_share_one_table():
    run, analysis = analysed("two arms")
    ids = ("answer", "brief", "right", "short")
    arms = []
    for arm in analysis.arms:
        few = replace(arm.quality["brief"], n=3)
        arms.append(replace(arm, quality={**arm.quality, "right": few, "short": few}))
    text = shown_text(render_page(run, replace(analysis, arms=tuple(arms), grader_ids=ids), ReportSettings()))
    assert "Grader “brief” (exploratory)" in text
    assert "Graders of under 10 cases (exploratory)" in text
    assert "Grader “right”" not in text


def test_that_a_run_is_not_finished_is_said_once():
    assert shown_text(rendered("interrupted")).count("not finished:") == 1


@pytest.mark.parametrize("kind", ["sweep", "single", "latency", "interrupted"])
def test_attempts_in_flight_at_a_kill_are_told_before_the_numbers(kind):
    run, analysis = analysed(kind)
    told = verdict_text(replace(run, lost_attempts=(LOST, LOST, LOST)), analysis).cautions
    assert [text for text in told if "3 attempts were in flight" in text and "they may have been charged" in text]
    assert not [text for text in verdict_text(run, analysis).cautions if "in flight" in text]
    one = verdict_text(replace(run, lost_attempts=(LOST,)), analysis).cautions
    assert [text for text in one if "1 attempt was in flight" in text and "and no figure counts it." in text]


def test_a_run_that_was_killed_before_anything_ended_tells_of_what_was_in_flight():
    run = make_run(arms=2, cases=3, seed=1)
    run = replace(run, lost_attempts=(LOST,), results={
        trial_id: TrialResult(trial_id=trial_id, status=Status.PENDING) for trial_id in run.results
    })  # fmt: skip
    text = verdict_text(run, analyse(run))
    assert text.heading == "Nothing measured"
    assert len(text.cautions) == 1


def test_the_cheaper_arm_that_is_still_open_is_told_first_with_its_gap_and_what_the_rule_allows():
    run, analysis = analysed("drift")
    first = verdict_text(run, analysis).bullets[0]
    standing = next(item for item in analysis.decision.standings if item.standing is Standing.UNDECIDED)
    assert re.match(
        r"Effort none costs \d+% less than low, but may score anything between .* than low \(95% CI\)", first
    )
    assert "the rule allows 2 lower" in first
    assert standing.cases_to_settle == 97
    assert standing.gap.point < -0.02
    assert "Were the present scores the truth, about 97 cases would probably rule it out; this run has 60." in first


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nothing sent", "No call ended of 24 planned"),
        ("all right", "No call failed in 180."),
    ],
)
def test_calls_that_never_ended_do_not_pass_for_calls_that_went_well(kind, said):
    text = shown_text(rendered(kind))
    assert said in text
    assert ("No call failed" in text) == (kind == "all right")
