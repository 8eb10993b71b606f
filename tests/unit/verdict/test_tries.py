"""pass@k and pass^k of a run: against all draws of k trials, counted one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from statistics import fmean

import pytest

from evalharness.core.failure import FailureKind
from evalharness.core.model import Load, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.verdict.compare import analyse
from tests.support.runs import make_run


def by_case(run: RunRecord, arm_id: str) -> dict[str, list[float | None]]:
    found: dict[str, list[float | None]] = {}
    for trial in run.plan.trials:
        if trial.arm_id == arm_id:
            result = run.results[trial.trial_id]
            found.setdefault(trial.case_id, []).append(score_of(result))
    return found


def score_of(result: TrialResult) -> float | None:
    """An answer cut short or not there in time is a wrong one; other errors are nobody's answer."""
    if result.status is Status.ERROR:
        last = result.calls[-1].failure
        return 0.0 if last is not None and last.kind is FailureKind.TIMEOUT else None
    return result.scores["answer"].value if result.status is Status.OK else 0.0


def test_tries_are_all_draws_of_the_repeats_of_cases_that_have_them_all() -> None:
    run = make_run(arms=2, cases=40, repeats=3, failures=0.03, seed=4)
    analysis = analyse(run, n_resamples=200)
    left_out = 0
    for arm in analysis.arms:
        cases = by_case(run, arm.arm_id).values()
        whole = [scores for scores in cases if None not in scores]
        assert arm.tries is not None and arm.tries.k == 3
        draws = [list(combinations(scores, 3)) for scores in whole]
        assert arm.tries.any_right.point == pytest.approx(fmean(fmean(map(max, each)) for each in draws))
        assert arm.tries.all_right.point == pytest.approx(fmean(fmean(map(min, each)) for each in draws))
        assert arm.tries.n_left_out == len(cases) - len(whole)
        left_out += arm.tries.n_left_out
    assert left_out > 0


def test_one_repeat_has_no_tries() -> None:
    assert [arm.tries for arm in analyse(make_run(arms=2, cases=9, repeats=1), n_resamples=200).arms] == [None, None]


def test_where_time_ends_the_run_nothing_is_said_of_tries() -> None:
    run = make_run(arms=1, cases=20, repeats=3, failures=0.0)
    timed = replace(run.plan.suite, load=Load(shape="closed", concurrency=4, duration_s=10.0))
    assert analyse(run, n_resamples=200).arms[0].tries is not None
    assert analyse(replace(run, plan=replace(run.plan, suite=timed)), n_resamples=200).arms[0].tries is None


def test_where_no_case_has_all_its_scores_nothing_is_said_of_tries() -> None:
    run = make_run(arms=1, cases=3, repeats=3, failures=0.9, seed=2)
    arm = analyse(run, n_resamples=200).arms[0]
    assert all(None in scores for scores in by_case(run, arm.arm_id).values())
    assert arm.tries is None
