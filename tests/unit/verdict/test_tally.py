from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.record import Purpose, Stamps, TrialResult
from evalharness.metrics.table import table
from evalharness.verdict.gathered import gather
from evalharness.verdict.tally import Tally
from evalharness.verdict.view import view
from tests.support.runs import make_run


def one_result() -> TrialResult:
    run = make_run(arms=1, cases=1, repeats=1, failures=0, incomplete=0, retries=0)
    return next(iter(run.results.values()))


def with_call(result: TrialResult, **changes) -> TrialResult:
    return replace(result, calls=(replace(result.calls[0], **changes),))


def tally(results: list[TrialResult]) -> Tally:
    """Of a run of one arm with these results."""
    run = make_run(arms=1, cases=len(results), repeats=1)
    ended = {
        t.trial_id: replace(result, trial_id=t.trial_id) for t, result in zip(run.plan.trials, results, strict=True)
    }
    run = replace(run, results=ended)
    (found,) = gather(run, table(run)).tallies.values()
    return found


def test_every_status_is_counted_and_every_failure_named():
    failed = TrialResult(
        trial_id="a", status=Status.ERROR, failure=Failure(kind=FailureKind.SERVER, message="no"), cost_usd=0.25
    )
    cut = with_call(one_result(), failure=Failure(kind=FailureKind.STREAM_CUT, message="cut"))
    counted = tally([one_result(), failed, failed, replace(cut, status=Status.ERROR, cost_usd=None)])
    assert counted.counts == {"ok": 1, "incomplete": 0, "refused": 0, "error": 3, "pending": 0}
    assert counted.failures == {"server": 2, "stream_cut": 1}
    assert list(counted.failures) == ["server", "stream_cut"], "most frequent first"
    assert counted.wasted_cost_usd == 0.5


def test_money_lost_on_failures_is_unknown_and_not_zero_where_no_cost_is_known():
    failed = TrialResult(trial_id="a", status=Status.ERROR)
    assert tally([failed]).wasted_cost_usd is None
    assert tally([one_result()]).wasted_cost_usd == 0


def test_reasons_of_incomplete_answers_are_those_of_the_service():
    result = one_result()
    answer = replace(result.calls[0].answer, stop_reason="content_filter")
    assert tally([replace(with_call(result, answer=answer), status=Status.INCOMPLETE)]).incomplete_reasons == {
        "content_filter": 1
    }


def test_an_anomaly_of_call_and_trial_counts_once_per_trial():
    result = replace(with_call(one_result(), anomalies=("no_deltas",)), anomalies=("no_deltas", "duplicate_id"))
    assert tally([result, result]).anomalies == {"duplicate_id": 2, "no_deltas": 2}


def test_retries_are_attempts_beyond_the_first_and_judges_are_not_counted():
    result = one_result()
    attempt = result.calls[0].attempts[0]
    retried = with_call(result, attempts=(replace(attempt, connection_reused=False), replace(attempt, index=1)))
    judged = replace(retried, calls=(*retried.calls, replace(retried.calls[0], purpose=Purpose.JUDGE)))
    counted = tally([judged])
    assert counted.n_retries == 1
    assert counted.models_reported == {"sim-mini-2026-10": 1}
    assert counted.connection_reused_share == 1.0


def test_the_share_of_gaps_of_zero_is_over_all_gaps():
    result = one_result()
    stamps = Stamps(deltas_ns=array("q", [5, 5, 5, 9, 12]))
    attempt = replace(result.calls[0].attempts[0], stamps=stamps)
    assert tally([with_call(result, attempts=(attempt,))]).coalesced_share == pytest.approx(2 / 4)
    single = replace(attempt, stamps=Stamps(deltas_ns=array("q", [5])))
    assert tally([with_call(result, attempts=(single,))]).coalesced_share is None


def test_planned_trials_without_a_result_are_pending():
    run = make_run(arms=2, cases=2, repeats=1)
    without = replace(run, results={})
    tallies = gather(without, table(without)).tallies
    assert [tally.counts["pending"] for tally in tallies.values()] == [2, 2]


def test_no_result_of_a_long_run_is_made_twice_for_its_analysis():
    asked: Counter[str] = Counter()

    class Counted(dict):
        def get(self, trial_id, default=None):
            asked[trial_id] += 1
            return super().get(trial_id, default)

    run = make_run(arms=2, cases=5, repeats=2)
    view(replace(run, results=Counted(run.results)))
    # Once for why it is pending, and once for all that is gathered.
    assert set(asked.values()) == {2}
