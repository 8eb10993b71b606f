"""A run of a few trials through the engine over a scripted transport: no socket, no sleep, every outcome by value."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evalharness.core.errors import StoreError
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import (
    Arm,
    Budget,
    Case,
    Endpoint,
    EndpointKind,
    GraderSpec,
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
            attempt_failed=self.events.append,
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
