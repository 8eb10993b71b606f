"""The engine over a scripted transport: no socket, no sleep, every outcome by value."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise

import pytest

from evalharness.core.errors import StoreError
from evalharness.core.events import AttemptFailed, RunStopping, TrialFinished
from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import (
    Arm,
    Budget,
    Case,
    Endpoint,
    EndpointKind,
    GraderSpec,
    PendingReason,
    Phase,
    Prices,
    RetryPolicy,
    Status,
    Suite,
    Trial,
    Warmup,
)
from evalharness.core.ports import HttpRequest, ResponseHead, Stretch, Tape, Terms
from evalharness.core.record import Score, TrialResult
from evalharness.engine.budget import Ledger
from evalharness.engine.call import Lane
from evalharness.engine.execute import Conduct, execute
from evalharness.engine.gatekeeper import Gatekeeper, RetryPurse
from evalharness.engine.grading import Grading
from evalharness.engine.stop import StopSignal
from evalharness.engine.trial import TrialContext
from evalharness.load_shapes.closed import Closed
from evalharness.transport.exchanger import DirectExchanger
from evalharness.wire.responses import Codec


@dataclass
class SteppedClock:
    """Each look is a millisecond later than the last."""

    now_ns: int = 1_000_000_000

    def monotonic_ns(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def utc_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.now_ns


def answer(text: str) -> Tape:
    body = {
        "id": "resp_1", "object": "response", "status": "completed", "model": "m-1", "error": None,
        "output": [{"type": "message", "role": "assistant", "status": "completed", "id": "msg_1",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]}],
        "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 10,
                  "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 110},
    }  # fmt: skip
    events = [
        {"type": "response.created", "response": {**body, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_text.delta", "delta": text, "item_id": "msg_1", "output_index": 0},
        {"type": "response.completed", "response": body},
    ]
    data = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Tape(
        sent_ns=10, closed_ns=50, headers_ns=20, connection_reused=True,
        head=ResponseHead(status=200, headers={"content-type": "text/event-stream", "x-request-id": "req_1"}),
        reads=[(30, data.encode())],
    )  # fmt: skip


def http_error(status: int, code: str, headers: dict[str, str] | None = None) -> Tape:
    body = json.dumps({"error": {"message": f"says {code}", "type": "t", "param": None, "code": code}})
    head = ResponseHead(status=status, headers={"content-type": "application/json", **(headers or {})})
    return Tape(sent_ns=10, closed_ns=50, headers_ns=20, head=head, reads=[(30, body.encode())])


def refused_connection() -> Tape:
    failure = Failure(kind=FailureKind.CONNECTION, message="nobody listens at 127.0.0.1:9")
    return Tape(sent_ns=10, closed_ns=20, failure=failure)


@dataclass
class Scripted:
    """Gives the tapes of a script in turn, the last one for ever."""

    script: Sequence[Tape | Callable[[], Tape]]
    seen: list[HttpRequest] = field(default_factory=list)
    hold: asyncio.Event | None = None
    moments_ns: list[int | None] = field(default_factory=list)

    async def open(self, _connections: int) -> None:
        pass

    async def exchange(self, request: HttpRequest, terms: Terms) -> Tape:
        self.seen.append(request)
        self.moments_ns.append(terms.at_ns)
        if self.hold is not None:
            await self.hold.wait()
        return self.script[min(len(self.seen), len(self.script)) - 1]

    async def close(self) -> None:
        pass


@dataclass
class Writer:
    begun: list[tuple[str, int, int]] = field(default_factory=list)
    results: dict[str, TrialResult] = field(default_factory=dict)
    broken_after: int | None = None
    added: list[Trial] = field(default_factory=list)

    async def add_trials(self, trials: Sequence[Trial]) -> None:
        self.added += trials

    async def begin_attempt(self, trial_id: str, turn_index: int, attempt_index: int) -> None:
        self.begun.append((trial_id, turn_index, attempt_index))

    async def append(self, result: TrialResult) -> None:
        if self.broken_after is not None and len(self.results) >= self.broken_after:
            raise StoreError("the disk is full")
        assert result.trial_id not in self.results or self.results[result.trial_id].status is Status.PENDING
        self.results[result.trial_id] = result


class Equals:
    def __init__(self, expected: str) -> None:
        self.expected = expected

    def grade(self, case: Case, transcript: object) -> Score:
        if self.expected == "crash":
            raise ZeroDivisionError("the grader is broken")
        right = transcript.answer.text == self.expected
        return Score(grader="exact", value=float(right), passed=right)


class Bench:
    """A run of ``n`` cases in one arm over a scripted transport."""

    def __init__(self, *script: Tape, n: int = 3, budget: Budget | None = None, max_attempts: int = 3,
                 expected: str = "7", writer: Writer | None = None, warmup: Warmup | None = None) -> None:  # fmt: skip
        self.transport = Scripted(script)
        self.writer = writer or Writer()
        self.clock = SteppedClock()
        self.stop = StopSignal()
        self.events: list[object] = []
        endpoint = Endpoint(
            name="e", kind=EndpointKind.HTTP, target="http://127.0.0.1:1/v1",
            prices=Prices(input=1.0, output=10.0), retry=RetryPolicy(max_attempts=max_attempts),
        )  # fmt: skip
        arm = Arm(arm_id="arm", key={}, endpoint="e", model="m", prompt="p")
        cases = tuple(Case(case_id=f"c{i}") for i in range(n))
        phases = [Phase.MEASURED] * n
        self.trials = [
            Trial(trial_id=f"t{i}", case_id=f"c{i}", arm_id="arm", repeat_index=0, phase=phase)
            for i, phase in enumerate(phases)
        ]
        if warmup:
            self.trials.insert(0, Trial(trial_id="w", case_id="c0", arm_id="arm", repeat_index=0, phase=Phase.WARMUP))
        self.ledger = Ledger(budget or Budget(), started_ns=self.clock.now_ns)
        lane = Lane(
            endpoint=endpoint, codec=Codec(), ledger=self.ledger, clock=self.clock,
            exchanger=DirectExchanger(
                self.transport, Codec(), timeouts=endpoint.timeouts, limits=endpoint.limits
            ),
            gatekeeper=Gatekeeper(endpoint, purse=RetryPurse(), clock=self.clock, stop=self.stop), stop=self.stop,
            secrets=("sk-secret",), begin_attempt=self.writer.begin_attempt,
            attempt_failed=lambda trial, index, failure, wait_ms: self.events.append(
                AttemptFailed(trial=trial, attempt_index=index, failure=failure, wait_ms=wait_ms)
            ),
        )  # fmt: skip
        suite = Suite(
            name="s", endpoints=(endpoint,), prompts=(), cases=cases,
            graders=(GraderSpec(grader_id="answer", type="exact"),),
        )  # fmt: skip
        self.context = TrialContext(
            run_id="run", cases={case.case_id: case for case in cases}, arms={"arm": arm}, lanes={"e": lane},
            render=lambda arm, case, turn: f"question {case.case_id}" if turn == 0 else f"and {turn}?",
            grading=Grading(suite, lambda spec, case: Equals(expected)), stop=self.stop,
        )  # fmt: skip
        self.conduct = Conduct(
            stretches=(Stretch(shape=Closed(max_in_flight=1, think_ns=0)),), writer=self.writer, clock=self.clock,
            stop=self.stop, emit=self.events.append, warmup=warmup,
        )  # fmt: skip

    def run(self) -> None:
        asyncio.run(execute(self.trials, self.context, self.conduct))

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits are recorded, not waited."""
    waits: list[float] = []

    async def sleep(self: StopSignal, seconds: float) -> bool:
        if seconds > 0:
            waits.append(seconds)
        await asyncio.sleep(0)
        return not self.is_set

    monkeypatch.setattr(StopSignal, "sleep", sleep)
    return waits


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
    assert call.attempts[1].wait_ms == pytest.approx(1000 * no_waiting[0])
    assert 500 <= call.attempts[1].wait_ms <= 625
    assert call.status is Status.OK


def test_a_hint_is_waited_out_and_never_shortened(no_waiting: list[float]) -> None:
    bench = Bench(http_error(429, "rate_limit_exceeded", {"retry-after": "7"}), answer("7"), n=1)
    bench.run()
    assert bench.writer.results["t0"].calls[0].attempts[1].wait_ms >= 7000
    assert max(no_waiting) >= 7


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


def test_warm_up_comes_first_and_is_not_graded() -> None:
    bench = Bench(answer("7"), n=2, warmup=Warmup(calls=1))
    bench.run()
    assert list(bench.writer.results) == ["w", "t0", "t1"]
    assert bench.writer.results["w"].scores == {}


# ---------------------------------------------------------------- open loops, stretches that time ends, conversations


@dataclass(frozen=True)
class Every:
    """A trial each ``gap_ns``, for ever."""

    gap_ns: int
    max_in_flight: None = None
    think_ns: int = 0

    def offsets_ns(self, stream: str) -> Iterator[int]:
        return (place * self.gap_ns for place in count())


def test_an_open_loop_counts_from_the_moment_each_trial_was_meant_for() -> None:
    bench = Bench(answer("7"), n=4)
    started_ns = bench.clock.now_ns
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=Every(5_000_000)),))
    bench.run()
    intended = [result.calls[0].intended_ns for result in bench.writer.results.values()]
    assert [later - earlier for earlier, later in pairwise(intended)] == [5_000_000] * 3
    assert 0 < intended[0] - started_ns <= 2_000_000
    assert bench.transport.moments_ns == intended, "nothing is sent before its moment"


def test_a_closed_loop_means_the_moment_it_is_ready_to_send() -> None:
    bench = Bench(answer("7"), n=2)
    bench.run()
    call = bench.writer.results["t1"].calls[0]
    assert bench.transport.moments_ns == [None, None]
    assert call.intended_ns > bench.writer.results["t0"].calls[0].intended_ns


def test_a_list_that_is_over_before_its_time_is_repeated_and_cut_by_time() -> None:
    bench = Bench(answer("7"), n=2)

    def more(endpoint: str, step: int) -> list[Trial]:
        n = len(bench.writer.added)
        return [
            Trial(trial_id=f"m{n + i}", case_id=f"c{i}", arm_id="arm", repeat_index=1 + n // 2, step=step)
            for i in range(2)
        ]

    # Ten moments in 0.05 s: two of the list, eight of further passes.
    stretch = Stretch(shape=Every(5_000_000), seconds=0.05)
    bench.conduct = replace(bench.conduct, stretches=(stretch,), more=more)
    bench.run()
    assert len(bench.writer.results) == 10
    assert [trial.trial_id for trial in bench.writer.added][:8] == list(bench.writer.results)[2:]
    assert bench.stop.reason is None, "a run that time ends is complete"


def test_a_closed_stretch_ends_at_its_time() -> None:
    bench = Bench(answer("7"), n=500)
    bench.conduct = replace(bench.conduct, stretches=(replace(bench.conduct.stretches[0], seconds=0.2),))
    bench.run()
    # Each look at the clock is a millisecond later, and each trial looks several times.
    assert 5 < len(bench.writer.results) < 200


def test_steps_come_one_after_the_other_with_their_own_trials() -> None:
    bench = Bench(answer("7"), n=4)
    bench.trials = [replace(trial, step=i % 2) for i, trial in enumerate(bench.trials)]
    closed = bench.conduct.stretches[0]
    bench.conduct = replace(bench.conduct, stretches=(closed, replace(closed, step=1)))
    bench.run()
    assert list(bench.writer.results) == ["t0", "t2", "t1", "t3"]


def test_what_an_earlier_session_measured_of_a_stretch_is_not_measured_again() -> None:
    bench = Bench(answer("7"), n=50)
    stretch = Stretch(shape=Every(10_000_000), seconds=0.1)
    bench.conduct = replace(bench.conduct, stretches=(stretch,), measured_ns={0: 70_000_000})
    bench.run()
    # Of the ten moments in 0.1 s those at 70, 80 and 90 ms are left.
    assert len(bench.writer.results) == 3


def test_an_open_loop_without_room_is_late_and_says_so_by_its_intended_start() -> None:
    bench = Bench(answer("7"), n=3)
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=Every(1)),), max_in_flight=1)
    bench.run()
    results = list(bench.writer.results.values())
    assert len(results) == 3
    assert results[2].calls[0].intended_ns - results[0].calls[0].intended_ns == 2


def test_a_conversation_says_what_was_said_before_and_grades_the_last_answer() -> None:
    bench = Bench(answer("5"), answer("6"), answer("7"), n=1)
    bench.context = replace(bench.context, n_turns=lambda arm: 3)
    bench.run()
    result = bench.writer.results["t0"]
    assert [call.turn_index for call in result.calls] == [0, 1, 2]
    assert result.scores["answer"].passed
    assert result.cost_usd == pytest.approx(3 * 0.0002)
    assert bench.writer.begun == [("t0", 0, 0), ("t0", 1, 0), ("t0", 2, 0)]
    assert json.loads(bench.transport.seen[2].body)["input"] == [
        {"role": "user", "content": "question c0"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "5"}]},
        {"role": "user", "content": "and 1?"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "6"}]},
        {"role": "user", "content": "and 2?"},
    ]
    assert [request.headers["x-client-request-id"] for request in bench.transport.seen] == [
        "run.t0.0", "run.t0.1", "run.t0.2",
    ]  # fmt: skip


def test_a_conversation_ends_with_its_first_turn_that_has_no_answer() -> None:
    bench = Bench(answer("5"), http_error(400, "context_length_exceeded"), n=1)
    bench.context = replace(bench.context, n_turns=lambda arm: 3)
    bench.run()
    result = bench.writer.results["t0"]
    assert (result.status, len(result.calls), result.scores) == (Status.ERROR, 2, {})
