"""The engine over a scripted transport: what is asked, retried, stored, and what ends a run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from evalharness.core.errors import StoreError
from evalharness.core.events import RunStopping, TrialFinished
from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Budget, PendingReason, Status, Warmup
from evalharness.core.ports import HttpRequest, Stretch, Tape, Terms
from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.engine.execute import execute
from evalharness.engine.gatekeeper import LEAD_NS
from evalharness.engine.response_ids import ResponseIds
from evalharness.load_shapes.closed import Closed
from tests.support.engine_bench import Bench, Writer, answer, http_error, refused_connection


def test_every_trial_is_asked_graded_and_stored_once() -> None:
    bench = Bench(answer("7"))
    bench.run()
    assert [result.status for result in bench.writer.results.values()] == [Status.OK] * 3
    assert all(result.scores["answer"].passed for result in bench.writer.results.values())
    assert bench.writer.begun == [("t0", 0, 0), ("t1", 0, 0), ("t2", 0, 0)]
    assert len(bench.of(TrialFinished)) == 3
    # 100 input tokens at 1 $ and 10 output tokens at 10 $ for a million each.
    assert bench.writer.results["t0"].cost_usd == pytest.approx(0.0002)
    assert json.loads(bench.transport.seen[1].body) == {"model": "m", "input": "question c1", "stream": True}
    assert bench.transport.seen[1].headers["x-client-request-id"] == "run.t1.0"


def test_a_failed_attempt_is_retried_kept_and_its_wait_is_no_latency(no_waiting: list[float]) -> None:
    bench = Bench(http_error(500, "server_error"), answer("7"), n=1)
    bench.run()
    call = bench.writer.results["t0"].calls[0]
    assert [attempt.status for attempt in call.attempts] == ["error", "ok"]
    assert bench.writer.begun == [("t0", 0, 0), ("t0", 0, 1)]
    assert call.attempts[1].wait_ms == pytest.approx(1000 * no_waiting[0] + LEAD_NS / NS_PER_MS)
    assert 500 <= call.attempts[1].wait_ms <= 625
    assert call.status is Status.OK


def test_a_hint_is_waited_out_and_never_shortened(no_waiting: list[float]) -> None:
    bench = Bench(http_error(429, "rate_limit_exceeded", {"retry-after": "7"}), answer("7"), n=1)
    bench.run()
    assert bench.writer.results["t0"].calls[0].attempts[1].wait_ms >= 7000
    assert max(no_waiting) >= 7 - LEAD_NS / NS_PER_S


def test_an_error_is_not_graded_and_the_run_goes_on() -> None:
    bench = Bench(http_error(400, "unsupported_value"), answer("7"), n=2)
    bench.run()
    failed = bench.writer.results["t0"]
    assert (failed.status, failed.failure.kind, failed.scores) == (Status.ERROR, FailureKind.REQUEST, {})
    assert bench.writer.results["t1"].status is Status.OK


def test_a_broken_grader_leaves_a_null_score_with_its_reason() -> None:
    bench = Bench(answer("7"), n=1, expected="crash")
    bench.run()
    score = bench.writer.results["t0"].scores["answer"]
    assert score.value is None
    assert "ZeroDivisionError" in score.reason


def test_an_id_that_was_given_before_is_odd_and_the_answer_stands() -> None:
    bench = Bench(answer("7"), n=3)
    bench.run()
    assert [result.status for result in bench.writer.results.values()] == [Status.OK] * 3
    assert [result.anomalies for result in bench.writer.results.values()] == [(), ("repeated_id",), ("repeated_id",)]


def test_ids_of_earlier_sessions_count() -> None:
    ids = ResponseIds(["resp_1"])
    assert (ids.seen_before("resp_1"), ids.seen_before("resp_2"), ids.seen_before("resp_2")) == (True, False, True)


def test_a_request_that_the_transport_sent_again_is_told_whatever_came_after() -> None:
    bench = Bench(replace(http_error(500, "server_error"), resent=True), answer("7"), n=1)
    bench.run()
    assert (bench.writer.results["t0"].status, bench.writer.results["t0"].anomalies) == (Status.OK, ("resent",))


def test_a_refused_key_stops_the_run_after_one_call() -> None:
    bench = Bench(http_error(401, "invalid_api_key"))
    bench.run()
    assert len(bench.transport.seen) == 1
    assert bench.stop.reason is PendingReason.ABORTED
    assert "check the key" in bench.stop.message


def test_a_closed_port_stops_the_run_after_one_call() -> None:
    bench = Bench(refused_connection())
    bench.run()
    assert len(bench.transport.seen) == 3
    assert list(bench.writer.results) == ["t0"]
    assert bench.stop.reason is PendingReason.ABORTED
    assert "nobody listens at 127.0.0.1:9" in bench.stop.message


def test_twenty_failures_before_any_answer_end_the_run() -> None:
    bench = Bench(http_error(404, "model_not_found"), n=30)
    bench.run()
    assert len(bench.transport.seen) == 20
    assert bench.stop.reason is PendingReason.ABORTED
    assert "model_not_found" in bench.stop.message


def test_failures_after_an_answer_do_not_end_the_run() -> None:
    bench = Bench(answer("7"), http_error(404, "model_not_found"), n=30)
    bench.run()
    assert len(bench.transport.seen) == 30


def test_a_spent_quota_stops_the_run_and_is_not_retried() -> None:
    bench = Bench(answer("7"), http_error(429, "insufficient_quota"))
    bench.run()
    assert len(bench.transport.seen) == 2
    assert bench.stop.reason is PendingReason.ABORTED


@pytest.mark.parametrize("budget", [Budget(max_calls=2), Budget(max_cost_usd=0.0003)], ids=["calls", "dollars"])
def test_a_budget_stops_before_the_next_call(budget: Budget) -> None:
    bench = Bench(answer("7"), n=5, budget=budget)
    bench.run()
    assert len(bench.transport.seen) == 2
    assert bench.stop.reason is PendingReason.BUDGET
    assert len(bench.of(RunStopping)) == 1


def test_retries_count_against_the_budget() -> None:
    bench = Bench(http_error(500, "server_error"), n=3, budget=Budget(max_calls=2))
    bench.run()
    assert len(bench.transport.seen) == 2
    assert bench.stop.reason is PendingReason.BUDGET
    result = bench.writer.results["t0"]
    assert (result.status, result.pending_reason, len(result.calls[0].attempts)) == (Status.PENDING, "budget", 2)


def test_a_limit_on_calls_is_exact_also_when_many_slots_are_free() -> None:
    bench = Bench(answer("7"), n=8, budget=Budget(max_calls=3))
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=Closed(max_in_flight=8, think_ns=0)),))
    bench.run()
    assert len(bench.transport.seen) == 3


def test_the_user_may_leave_a_run_whose_budget_is_used_up() -> None:
    bench = Bench(answer("7"), n=2)

    async def interrupted() -> None:
        bench.transport.hold = asyncio.Event()
        running = asyncio.create_task(execute(bench.trials, bench.context, bench.conduct))
        await asyncio.sleep(0.01)
        bench.stop.stop(PendingReason.BUDGET, "the budget is used up")
        await asyncio.sleep(0.01)
        assert not running.done(), "calls in flight were paid for"
        bench.stop.stop(PendingReason.INTERRUPTED, "interrupted", grace_s=0.01)
        await asyncio.wait_for(running, 5)

    asyncio.run(interrupted())
    assert bench.stop.reason is PendingReason.INTERRUPTED
    assert [event.reason for event in bench.of(RunStopping)] == ["the budget is used up", "interrupted"]


def test_a_connection_that_never_comes_about_stops_the_run_after_one_call() -> None:
    failure = Failure(kind=FailureKind.TIMEOUT, message="no connection within 200 ms", clock=TimeoutClock.CONNECT)
    bench = Bench(Tape(sent_ns=10, closed_ns=20, failure=failure))
    bench.run()
    assert list(bench.writer.results) == ["t0"]
    assert bench.stop.reason is PendingReason.ABORTED


def test_a_key_that_comes_back_as_a_request_id_is_not_kept() -> None:
    tape = http_error(400, "bad", {"x-request-id": "id-of-sk-secret-" + 500 * "x"})
    bench = Bench(tape, n=1)
    bench.run()
    request_id = bench.writer.results["t0"].calls[0].attempts[0].request_id
    assert "sk-secret" not in request_id
    assert len(request_id) == 200


def test_a_stop_between_attempts_leaves_the_trial_pending_with_what_was_tried() -> None:
    bench = Bench(http_error(500, "server_error"), n=1)
    bench.context.lanes["e"] = lane = replace(
        bench.context.lanes["e"],
        attempt_failed=lambda *_: bench.stop.stop(PendingReason.INTERRUPTED, "interrupted", grace_s=10.0),
    )
    assert lane.stop is bench.stop
    bench.run()
    result = bench.writer.results["t0"]
    assert (result.status, result.pending_reason) == (Status.PENDING, PendingReason.INTERRUPTED)
    assert len(result.calls[0].attempts) == 1
    assert bench.of(TrialFinished) == []


def test_calls_in_flight_end_when_their_grace_is_over() -> None:
    bench = Bench(answer("7"), n=2)

    async def interrupted() -> None:
        bench.transport.hold = asyncio.Event()
        running = asyncio.create_task(execute(bench.trials, bench.context, bench.conduct))
        await asyncio.sleep(0.01)
        bench.stop.stop(PendingReason.INTERRUPTED, "interrupted", grace_s=0.01)
        await asyncio.wait_for(running, 5)

    asyncio.run(interrupted())
    assert bench.writer.results == {}
    assert bench.writer.begun == [("t0", 0, 0)]


def test_a_store_that_fails_ends_the_run_with_its_own_error() -> None:
    bench = Bench(answer("7"), n=5, writer=Writer(broken_after=2))
    with pytest.raises(StoreError, match="the disk is full"):
        bench.run()
    assert len(bench.transport.seen) == 3


class FillingUp(Writer):
    """Room for the results of two attempts, and for no third."""

    async def begin_attempt(self, trial_id: str, turn_index: int, attempt_index: int) -> None:
        if len(self.begun) == 2:
            raise StoreError("the disk is full")
        await super().begin_attempt(trial_id, turn_index, attempt_index)


def test_an_attempt_that_cannot_be_written_down_is_not_sent_and_what_is_in_flight_is_stored() -> None:
    bench = Bench(answer("7"), n=5, writer=FillingUp())
    shape = Closed(max_in_flight=2, think_ns=0)

    async def exchange(request: HttpRequest, terms: Terms) -> Tape:
        bench.transport.seen.append(request)
        if request.headers["x-client-request-id"] == "run.t1.0":
            await bench.stop.wait()
        return answer("7")

    bench.transport.exchange = exchange
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=shape),))
    bench.run()
    assert len(bench.transport.seen) == 2
    assert {name: result.status for name, result in bench.writer.results.items()} == {"t0": "ok", "t1": "ok"}
    assert bench.stop.reason is PendingReason.ABORTED
    assert [event.n_in_flight for event in bench.of(RunStopping)] == [1]


def test_warm_up_comes_first_and_is_not_graded() -> None:
    bench = Bench(answer("7"), n=2, warmup=Warmup(calls=1))
    bench.run()
    assert list(bench.writer.results) == ["w", "t0", "t1"]
    assert bench.writer.results["w"].scores == {}
