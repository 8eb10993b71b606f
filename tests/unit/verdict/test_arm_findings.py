"""Figures of one arm against sums done here on the recorded trials."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import numpy as np
import pytest

from evalharness.core.model import GraderSpec, Slo, Status
from evalharness.core.record import RunRecord
from evalharness.metrics.measure import measure_trial
from evalharness.metrics.table import table
from evalharness.verdict.compare import analyse
from evalharness.verdict.service import lateness, right_column
from evalharness.verdict.tally import tally
from evalharness.verdict.view import view
from evalharness.verdict.waits import drift_blocks, retry_blocks, times
from tests.support.runs import make_run


def results_of(run: RunRecord, arm_id: str):
    return [run.results[trial.trial_id] for trial in run.plan.trials if trial.arm_id == arm_id]


def test_tokens_and_money_are_means_per_trial_and_totals():
    run = make_run(arms=1, cases=30, repeats=1, failures=0, retries=0)
    found = analyse(run, n_resamples=200).arms[0]
    usages = [result.calls[0].usage for result in run.results.values()]
    assert found.tokens["input_uncached"].point == pytest.approx(
        mean(usage.input_tokens - usage.cached_tokens for usage in usages)
    )
    assert found.tokens["answer"].point == pytest.approx(
        mean(usage.output_tokens - usage.reasoning_tokens for usage in usages)
    )
    assert found.tokens["output"].point == pytest.approx(mean(usage.output_tokens for usage in usages))
    costs = [result.cost_usd for result in run.results.values()]
    assert found.cost_total_usd == pytest.approx(sum(costs))
    assert found.cost_usd.point == pytest.approx(mean(costs))
    n_right = sum(result.status is Status.OK and result.scores["answer"].passed for result in run.results.values())
    assert found.cost_per_correct_usd.point == pytest.approx(sum(costs) / n_right)


def test_a_split_that_the_service_does_not_report_is_missing_and_not_zero():
    run = make_run(arms=1, cases=12, repeats=1, failures=0)
    results = {}
    for key, result in run.results.items():
        call = result.calls[0]
        usage = replace(call.usage, reasoning_tokens=None, cached_tokens=None)
        results[key] = replace(result, calls=(replace(call, usage=usage),))
    found = analyse(replace(run, results=results), n_resamples=200).arms[0]
    assert found.tokens["reasoning"] is found.tokens["answer"] is found.tokens["cached"] is None
    assert found.tokens["input_uncached"] is None
    assert found.tokens["input"] is not None
    assert "tpot_ms" not in found.times
    assert found.rates["visible_tokens_per_s"] is None


def test_failed_trials_push_quantiles_to_infinity_and_are_printed_as_unreached():
    run = make_run(arms=1, cases=100, repeats=1, failures=0.3, seed=3)
    total = analyse(run, n_resamples=200).arms[0].times["total_ms"]
    assert total.n_failed == sum(result.status is Status.ERROR for result in run.results.values()) > 20
    assert total.n_measured + total.n_failed == 100
    assert total.unreached == ("0.9", "0.95", "0.99")
    assert total.quantiles["0.5"] is not None
    known = [measured for result in run.results.values() if (measured := measure_trial(result)["total_ms"])]
    assert total.mean_given_success == pytest.approx(mean(known))
    assert total.ecdf_y[-1] == pytest.approx(len(known) / 100)


@pytest.mark.parametrize("name", ["gap_ms", "tpot_ms"])
def test_the_pace_of_answers_is_that_of_answers_that_came(name: str):
    run = make_run(arms=1, cases=100, repeats=1, failures=0.6, incomplete=0, seed=3)
    found = analyse(run, n_resamples=200).arms[0].times[name]
    known = sorted(ms for result in run.results.values() if (ms := measure_trial(result)[name]) is not None)
    assert found.quantiles["0.5"].point == pytest.approx(np.quantile(known, 0.5), rel=0.05)
    assert found.unreached == ()
    assert found.n_failed == sum(result.status is Status.ERROR for result in run.results.values()) > 50
    assert found.n_measured + found.n_failed + found.n_without == 100


def test_the_queue_of_a_failed_trial_is_a_queue():
    run = make_run(arms=1, cases=100, repeats=1, failures=0.6, incomplete=0, seed=3)
    queue = analyse(run, n_resamples=200).arms[0].times["queue_ms"]
    assert (queue.n_measured, queue.n_failed, queue.unreached) == (100, 0, ())


def test_no_limit_on_the_pace_is_kept_by_failing():
    run = make_run(arms=1, cases=100, repeats=1, failures=0.3, incomplete=0, seed=3)
    seen = view(run, n_resamples=1)
    late = lateness(seen, Slo(limits_ms={"gap_ms": 1e9}, share_at_least=0.9), np.ones(100))
    assert np.isinf(late).sum() == seen.table.has_status(Status.ERROR).sum() > 20


def test_a_run_without_streaming_has_total_times_and_no_first_output():
    found = analyse(make_run(arms=1, cases=12, repeats=1, stream=False, failures=0), n_resamples=200).arms[0]
    assert "total_ms" in found.times
    assert not {"ttfo_ms", "ttft_ms", "ttfe_ms", "gap_ms", "tpot_ms"} & found.times.keys()


def test_quality_bounds_count_every_missing_trial_wrong_and_right():
    run = make_run(arms=1, cases=40, repeats=1, failures=0, incomplete=0, null_scores=0.3, seed=2)
    found = analyse(run, n_resamples=200).arms[0]
    values = [result.scores["answer"].value for result in run.results.values()]
    lost = values.count(None)
    right = sum(value for value in values if value)
    assert lost
    assert found.quality_bounds["answer"] == (pytest.approx(right / 40), pytest.approx((right + lost) / 40))
    assert found.n_null_scores == lost
    assert "brief" not in found.quality_bounds


def test_right_means_reaching_the_pass_mark_of_the_cases_own_grader():
    run = make_run(arms=1, cases=3, repeats=1, failures=0, incomplete=0, graded_share=True)
    lenient = GraderSpec(grader_id="answer", type="numeric", pass_at=0.0)
    cases = (replace(run.plan.suite.cases[0], graders=(lenient,)), *run.plan.suite.cases[1:])
    seen = view(replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, cases=cases))))
    right = right_column(seen)
    assert right[seen.table.case_index == 0] == 1
    assert (right[seen.table.case_index != 0] == 0).all(), "a graded share never reaches 1 here"


def test_good_is_right_and_in_time_and_failures_are_never_good():
    run = make_run(arms=1, cases=60, repeats=1, failures=0.2, null_scores=0.2, seed=4)
    seen = view(run)
    right, total_ms = right_column(seen), seen.table.timed("total_ms")
    limit = float(np.nanmedian(total_ms))
    late = lateness(seen, Slo(limits_ms={"total_ms": limit}, share_at_least=0.9), right)
    for lateness_of, is_right, ms in zip(late, right, total_ms, strict=True):
        if is_right == 0:
            assert lateness_of == np.inf
        elif ms > limit:
            assert lateness_of == ms / limit
        elif np.isnan(is_right):
            assert np.isnan(lateness_of)
        else:
            assert lateness_of == ms / limit <= 1
    assert (late[seen.table.has_status(Status.ERROR)] == np.inf).all()


def test_blocks_of_drift_follow_the_order_of_sending():
    blocks = drift_blocks(view(make_run(arms=1, cases=240, repeats=1, failures=0, drift=3.0)), 0)
    assert len(blocks) == 24
    assert mean(blocks[12:]) > 1.3 * mean(blocks[:12])
    assert drift_blocks(view(make_run(arms=1, cases=9, repeats=1)), 0) == ()


def test_a_block_that_mostly_failed_has_no_median():
    blocks = drift_blocks(view(make_run(arms=1, cases=60, repeats=1, failures=1.0)), 0)
    assert blocks == (None,) * 12


def test_retries_are_counted_in_the_blocks_of_the_drift():
    calm = view(make_run(arms=1, cases=240, repeats=1, failures=0, retries=0))
    assert retry_blocks(calm, 0) == (0,) * 24
    run = make_run(arms=1, cases=240, repeats=1, failures=0, retries=0.3)
    again = sum(any(len(call.attempts) > 1 for call in result.calls) for result in run.results.values())
    blocks = retry_blocks(view(run), 0)
    assert len(blocks) == len(drift_blocks(view(run), 0))
    assert sum(blocks) == again > 0
    assert retry_blocks(view(make_run(arms=1, cases=9, repeats=1)), 0) == ()


@pytest.mark.parametrize(("share", "p95"), [(0.0, 0), (0.02, 0), (0.3, 1)])
def test_how_often_a_trial_is_tried_again_is_told_at_its_95th_percentile(share, p95):
    run = make_run(arms=1, cases=240, repeats=1, failures=0, retries=share)
    assert tally(table(run), np.ones(240, dtype=np.bool_)).p95_retries == p95


@pytest.mark.parametrize(("cases", "is_given"), [(240, False), (4000, True)])
def test_the_farthest_quantile_is_given_only_where_the_calls_are_enough_for_its_upper_limit(cases, is_given):
    # 1 - 0.999**n >= 0.975, what the upper limit of a 95% interval takes, from n = 3,688 on.
    found = times(view(make_run(arms=1, cases=cases, repeats=1, failures=0, retries=0)), 0)["total_ms"]
    assert ("0.999" in found.quantiles) is is_given
