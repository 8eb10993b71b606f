from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Case, GraderSpec, PendingReason, Phase, Status
from evalharness.core.record import Observed, Score, StampSource, TrialResult
from evalharness.metrics.table import (
    STATUSES,
    Missing,
    analysed_trials,
    grader_specs,
    table,
)
from tests.support.runs import make_run

ANSWER = GraderSpec(grader_id="answer", type="numeric")
BOTH = replace(ANSWER, grades=(Status.OK, Status.REFUSED))


def a_result(status: Status, value: float | None = None, kind: FailureKind | None = None) -> TrialResult:
    return TrialResult(
        trial_id="t",
        status=status,
        scores={} if value is None else {"answer": Score(grader="numeric", value=value, passed=value >= 1)},
        failure=None if kind is None else Failure(kind=kind, message="failed"),
    )


@pytest.mark.parametrize(
    ("result", "spec", "expected", "reason"),
    [
        (a_result(Status.OK, 1.0), ANSWER, 1.0, Missing.NO),
        (a_result(Status.OK), ANSWER, None, Missing.NULL_SCORE),
        (a_result(Status.INCOMPLETE), ANSWER, 0.0, Missing.NO),
        (a_result(Status.REFUSED, 1.0), ANSWER, 0.0, Missing.NO),
        (a_result(Status.REFUSED, 1.0), BOTH, 1.0, Missing.NO),
        (a_result(Status.REFUSED), BOTH, None, Missing.NULL_SCORE),
        (a_result(Status.ERROR, kind=FailureKind.TIMEOUT), ANSWER, 0.0, Missing.NO),
        (a_result(Status.ERROR, kind=FailureKind.SERVER), ANSWER, None, Missing.ERROR),
        (a_result(Status.PENDING), ANSWER, None, Missing.PENDING),
        (a_result(Status.OK, 1.0), None, None, Missing.NOT_ASKED),
    ],
)
def test_what_has_no_score_counts_as_the_statistics_say(result, spec, expected, reason):
    run = make_run(arms=1, cases=2, repeats=1)
    (first, second), (own, other) = run.plan.suite.cases, run.plan.trials
    specs = {own.case_id: spec, other.case_id: ANSWER}
    cases = tuple(replace(case, graders=tuple(filter(None, [specs[case.case_id]]))) for case in (first, second))
    plan = replace(run.plan, suite=replace(run.plan.suite, graders=(), cases=cases))
    rows = table(replace(run, plan=plan, results={**run.results, own.trial_id: replace(result, trial_id=own.trial_id)}))
    value, why = rows.scores["answer"][0], rows.missing["answer"][0]
    assert why == reason
    assert np.isnan(value) if expected is None else value == expected


def test_a_table_has_one_row_per_planned_measured_trial_and_none_for_warm_up():
    run = make_run(arms=2, cases=5, repeats=2)
    warm = replace(run.plan.trials[0], trial_id="warm", phase=Phase.WARMUP)
    result = replace(run.results[run.plan.trials[0].trial_id], trial_id="warm")
    warmed = replace(
        run,
        plan=replace(run.plan, trials=(warm, *run.plan.trials)),
        results={**run.results, "warm": result},
    )
    rows = table(warmed)
    assert len(rows.status) == 2 * 5 * 2
    np.testing.assert_array_equal(rows.metrics["total_ms"], table(run).metrics["total_ms"])


def test_a_trial_without_a_result_is_pending_and_in_no_column():
    run = make_run(arms=2, cases=3, repeats=1, failures=0.0)
    lost = run.plan.trials[2].trial_id
    rows = table(replace(run, results={key: value for key, value in run.results.items() if key != lost}))
    assert STATUSES[rows.status[2]] is Status.PENDING
    assert rows.missing["answer"][2] == Missing.PENDING
    assert rows.sent_rank[2] == -1
    assert np.isnan(rows.timed("total_ms")[2])


def test_failed_trials_are_infinitely_slow_and_their_cost_is_unknown():
    rows = table(make_run(cases=200, repeats=1, failures=0.3))
    failed = rows.has_status(Status.ERROR)
    assert 0.2 < failed.mean() < 0.4
    assert np.isposinf(rows.timed("ttfo_ms")[failed]).all()
    assert np.isfinite(rows.timed("ttfo_ms")[~failed]).all()
    assert np.isnan(rows.timed("cost_usd")[failed]).all()
    assert np.isnan(rows.metrics["ttfo_ms"][failed]).all(), "the column itself holds only what was measured"


def test_the_grid_puts_each_trial_in_its_cell():
    run = make_run(arms=3, cases=4, repeats=2, failures=0.2)
    rows = table(run)
    cells = rows.grid(rows.scores["answer"])
    assert cells.shape == (3, 4, 2)
    for place, trial in enumerate(run.plan.trials):
        cell = cells[rows.arm_ids.index(trial.arm_id), rows.case_ids.index(trial.case_id), trial.repeat_index]
        np.testing.assert_equal(cell, rows.scores["answer"][place])


def test_order_of_sending_is_that_of_the_clock_and_not_of_the_plan():
    run = make_run(arms=2, cases=4, repeats=1, failures=0.0)
    turned = replace(run, plan=replace(run.plan, trials=run.plan.trials[::-1]))
    assert table(turned).sent_rank.tolist() == table(run).sent_rank.tolist()[::-1]


def test_cases_without_a_cluster_are_their_own_unit_even_beside_a_cluster_of_their_name():
    run = make_run(arms=1, cases=4, repeats=1)
    clusters = ("a", None, "a", "case-0001")
    cases = tuple(replace(case, cluster=cluster) for case, cluster in zip(run.plan.suite.cases, clusters, strict=True))
    rows = table(replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, cases=cases))))
    assert rows.cluster_index.tolist() == [0, 1, 0, 2]
    assert rows.n_clusters == 3


def test_a_case_outside_the_plan_is_no_case_of_the_run():
    run = make_run(arms=1, cases=3, repeats=1)
    extra = replace(run.plan.suite.cases[0], case_id="never-planned", tags=("odd",))
    suite = replace(run.plan.suite, cases=(extra, *run.plan.suite.cases))
    rows = table(replace(run, plan=replace(run.plan, suite=suite)))
    assert rows.case_ids == ("case-0000", "case-0001", "case-0002")
    assert "odd" not in rows.tags


def test_a_grader_of_one_case_is_missing_in_no_other():
    own = GraderSpec(grader_id="units", type="contains")
    stricter = GraderSpec(grader_id="answer", type="exact")
    cases = (Case(case_id="a"), Case(case_id="b", graders=(own, stricter)))
    specs = grader_specs((ANSWER,), cases)
    assert specs == {"answer": (ANSWER, stricter), "units": (None, own)}


def test_an_empty_plan_is_an_empty_table():
    run = make_run(arms=1, cases=1, repeats=1)
    rows = table(replace(run, plan=replace(run.plan, trials=())))
    assert rows.n_cases == rows.n_clusters == 0
    assert rows.grid(rows.scores["answer"] if rows.scores else np.empty(0)).shape == (1, 0, 1)


def test_an_unknown_result_does_not_become_a_row():
    run = make_run(arms=1, cases=2, repeats=1)
    stray = TrialResult(trial_id="stray", status=Status.OK)
    assert len(table(replace(run, results={**run.results, "stray": stray})).status) == 2


@pytest.mark.parametrize("reason", [PendingReason.DURATION, PendingReason.SETTLED])
def test_what_time_or_a_settled_question_left_over_is_outside_the_analysis_and_not_missing(reason):
    run = make_run(arms=2, cases=4, repeats=1, failures=0.0, incomplete=0.0)
    left_case = run.plan.suite.cases[1].case_id
    left = {trial.trial_id for trial in run.plan.trials if trial.case_id == left_case}
    interrupted = next(trial.trial_id for trial in run.plan.trials if trial.case_id != left_case)
    absent = {
        trial_id: TrialResult(trial_id=trial_id, status=Status.PENDING, pending_reason=why)
        for trial_id, why in [*((trial_id, reason) for trial_id in left), (interrupted, PendingReason.INTERRUPTED)]
    }
    cut = replace(run, results={**run.results, **absent})
    rows = table(cut)
    assert len(rows.status) == 6
    assert left_case not in rows.case_ids
    assert (rows.missing["answer"] == Missing.PENDING).sum() == 1
    assert {trial.trial_id for trial in analysed_trials(cut)} == {t.trial_id for t in run.plan.trials} - left


def test_a_table_holds_how_far_each_time_may_be_from_the_truth_and_the_step():
    run = make_run(arms=1, cases=2, repeats=1, failures=0.0, retries=0.0)
    first = run.results[run.plan.trials[0].trial_id]
    seen = Observed(source=StampSource.KERNEL, send_ns=5_000, max_lag_ns=0, done_error_ns=45_000)
    attempt = replace(first.calls[0].attempts[0], observed=seen)
    observed = replace(first, calls=(replace(first.calls[0], attempts=(attempt,)),))
    trials = (run.plan.trials[0], replace(run.plan.trials[1], step=2))
    plan = replace(run.plan, trials=trials)
    rows = table(replace(run, plan=plan, results={**run.results, first.trial_id: observed}))
    np.testing.assert_allclose(rows.errors["latency_ms"], [0.05, np.nan])
    np.testing.assert_allclose(rows.errors["ttfo_ms"], [np.nan, np.nan])
    assert rows.step.tolist() == [0, 2]
