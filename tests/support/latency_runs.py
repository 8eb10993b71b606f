"""Synthetic latency runs: a service with a known number of slots under a rising load, and a client of known error.

``make_latency_run(levels=(5, 10, 20, 40), slots=20)`` serves trials first come, first served; what does not find a free
slot waits in the service, so that times rise where the load comes near ``slots`` over the mean service time. The same
options give the same record, to the last stamp.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ids import content_id
from evalharness.core.model import (
    Arm,
    Case,
    Endpoint,
    EndpointKind,
    GraderSpec,
    Json,
    LevelUnit,
    Load,
    Plan,
    Prompt,
    Slo,
    Status,
    Suite,
    Sweep,
    Trial,
)
from evalharness.core.record import (
    Answer,
    Attempt,
    AttemptStatus,
    Call,
    Observed,
    ObserverRecord,
    Purpose,
    RunRecord,
    Score,
    Stamps,
    StampSource,
    TrialResult,
    Usage,
)
from evalharness.core.units import NS_PER_MS, NS_PER_S, ns_from_ms
from tests.support.runs import START_NS, START_UTC_NS, manifest_of

SLO = Slo(limits_ms={"ttfo_ms": 2_000.0}, share_at_least=0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyShape:
    """Options of ``make_latency_run``. ``levels`` empty: ``trials`` at ``open_per_s`` (Poisson), or in a closed loop.

    ``arms`` are models with their slowness (1.0: the declared times). ``slots`` is how many calls a model answers at
    once. ``error_ms``: median of the client's stated error of a stamp; None: an older run, nothing observed.
    ``dispatch_lag_ms``: mean of what this client starts late. ``connects``: share of calls on a new connection.
    """

    levels: tuple[float, ...] = (5, 10, 20, 40)
    open_per_s: float | None = None
    unit: LevelUnit = LevelUnit.RATE_PER_S
    each_s: float = 12.0
    concurrency: int = 8
    trials: int = 240
    cases: int = 30
    arms: Mapping[str, float] = field(default_factory=lambda: {"swift": 1.0})
    slots: int = 24
    ttfo_ms: float = 600.0
    reasoning_ms: float = 300.0
    hidden_reasoning: bool = False
    visible_tokens: int = 24
    pace_ms: float = 12.0
    failures: float = 0.0
    slo: Slo | None = SLO
    error_ms: float | None = 0.05
    source: StampSource = StampSource.KERNEL
    coalesced: float = 0.0
    dispatch_lag_ms: float = 0.2
    connects: float = 0.02
    routes: Mapping[str, str] = field(default_factory=lambda: {"sim": "measuring"})
    stream: bool = True
    seed: int = 1
    simulated: bool = True

    @property
    def is_open(self) -> bool:
        return self.unit is LevelUnit.RATE_PER_S if self.levels else self.open_per_s is not None

    @property
    def steps(self) -> tuple[float | None, ...]:
        return self.levels or (None,)


def make_latency_run(**options: object) -> RunRecord:
    """A finished run. ``options`` are the fields of ``LatencyShape``."""
    shape = LatencyShape(**options)  # type: ignore[arg-type]
    rng = np.random.default_rng(shape.seed)
    suite = _suite(shape)
    arms = tuple(_arm(model, shape) for model in shape.arms)
    sent = [sending for step in range(len(shape.steps)) for sending in _sendings(step, arms, shape, rng)]
    trials, starts = _trials(sent, suite.cases)
    plan = _plan(suite, arms, trials)
    results: dict[str, TrialResult] = {}
    for step in range(len(shape.steps)):
        for arm in arms:
            mine = [
                (trial, at)
                for trial, at in zip(trials, starts, strict=True)
                if (trial.step, trial.arm_id) == (step, arm.arm_id)
            ]
            results |= {result.trial_id: result for result in _served(mine, arm, shape, rng)}
    manifest = manifest_of(plan, finished_utc="2026-11-01T12:05:00.000Z", simulated=shape.simulated)
    return RunRecord(manifest=manifest, plan=plan, results=results, observers=_observers(shape))


def _suite(shape: LatencyShape) -> Suite:
    load = Load(seed=shape.seed, concurrency=shape.concurrency)
    if shape.levels:
        load = replace(load, shape="steps", levels=shape.levels, level_unit=shape.unit, each_s=shape.each_s)
    elif shape.open_per_s:
        load = replace(load, shape="poisson", rate_per_s=shape.open_per_s)
    return Suite(
        name="latency-sweep" if shape.levels else "latency",
        endpoints=(Endpoint(name="sim", kind=EndpointKind.SIMULATOR, target="default", model=next(iter(shape.arms))),),
        prompts=(Prompt(name="plain", template="{{ question }}"),),
        cases=tuple(_case(index) for index in range(shape.cases)),
        graders=(GraderSpec(grader_id="answer", type="numeric", params={"expected": "{{ expected }}"}),),
        sweep=Sweep(axes={"model": tuple(shape.arms)} if len(shape.arms) > 1 else {}),
        load=load,
        slo=shape.slo,
    )


def _case(index: int) -> Case:
    variables = {"question": f"How much is {index} and {index}?"}
    text = str(2 * index)
    digest = content_id([variables, text])
    return Case(case_id=f"case-{index:04d}", vars=variables, expected=text, expected_text=text, content_hash=digest)


def _arm(model: str, shape: LatencyShape) -> Arm:
    request: dict[str, Json] = {"max_output_tokens": 512, "store": False, "stream": shape.stream}
    key: dict[str, Json] = {"model": model} if len(shape.arms) > 1 else {}
    return Arm(
        arm_id=content_id([model, request]), key=key, endpoint="sim", model=model, prompt="plain", request=request
    )


_Sending = tuple[int, str, int]


def _sendings(step: int, arms: tuple[Arm, ...], shape: LatencyShape, rng: np.random.Generator) -> Iterator[_Sending]:
    """(step, arm id, intended offset in ns), 0 for closed loops: there the service sets the time."""
    level = shape.steps[step]
    for arm in arms:
        n = shape.trials // len(arms)
        rate = level if shape.is_open and level else shape.open_per_s
        if level is not None:
            in_flight = round(min(level, shape.slots) * shape.each_s * 1000 / (shape.ttfo_ms + _answer_ms(shape)))
            n = round(level / len(arms) * shape.each_s) if shape.is_open else in_flight
        gaps = rng.exponential(NS_PER_S / rate * len(arms), size=n) if rate else np.zeros(n)
        yield from ((step, arm.arm_id, int(at)) for at in np.cumsum(gaps))


def _answer_ms(shape: LatencyShape) -> float:
    return shape.pace_ms * (shape.visible_tokens - 1)


def _trials(sent: list[_Sending], cases: tuple[Case, ...]) -> tuple[tuple[Trial, ...], list[int]]:
    """Cases in turn; ``repeat_index`` counts on over the steps."""
    seen: dict[tuple[str, str], int] = {}
    turn: dict[str, int] = {}
    trials, starts = [], []
    for step, arm_id, offset in sorted(sent, key=lambda sending: (sending[0], sending[2])):
        case_id = cases[turn.setdefault(arm_id, 0) % len(cases)].case_id
        turn[arm_id] += 1
        repeat = seen.setdefault((case_id, arm_id), 0)
        seen[case_id, arm_id] += 1
        trial_id = content_id([case_id, arm_id, repeat, "measured"])
        trials.append(Trial(trial_id=trial_id, case_id=case_id, arm_id=arm_id, repeat_index=repeat, step=step))
        starts.append(offset)
    return tuple(trials), starts


def _plan(suite: Suite, arms: tuple[Arm, ...], trials: tuple[Trial, ...]) -> Plan:
    hashed = {"arms": [arm.arm_id for arm in arms], "trials": len(trials), "levels": list(suite.load.levels)}
    return Plan(suite=suite, arms=arms, trials=trials, plan_hash=content_id(hashed), hashed=hashed)


def _served(
    mine: list[tuple[Trial, int]], arm: Arm, shape: LatencyShape, rng: np.random.Generator
) -> Iterator[TrialResult]:
    """One arm's trials of one step through a service of ``slots``; a closed loop starts the next when one ends."""
    if not mine:
        return
    step = mine[0][0].step
    begin_ns = START_NS + round(step * shape.each_s * NS_PER_S)
    level = shape.steps[step]
    closed = not shape.is_open
    callers = (
        [begin_ns + caller for caller in range(shape.concurrency if level is None else round(level))] if closed else []
    )
    slots = [begin_ns] * shape.slots
    for trial, offset in mine:
        intended_ns = heapq.heappop(callers) if closed else begin_ns + offset
        result, end_ns = _one(trial, arm, intended_ns, slots, shape, rng)
        if closed:
            heapq.heappush(callers, end_ns)
        yield result


def _one(
    trial: Trial, arm: Arm, intended_ns: int, slots: list[int], shape: LatencyShape, rng: np.random.Generator
) -> tuple[TrialResult, int]:
    connect_ns = 4 * NS_PER_MS if rng.random() < shape.connects else None
    sent_ns = intended_ns + ns_from_ms(rng.exponential(shape.dispatch_lag_ms)) + (connect_ns or 0)
    begun_ns = max(sent_ns, heapq.heappop(slots))
    stamps = _stamps(sent_ns, begun_ns, connect_ns, shape.arms[arm.model], shape, rng)
    failed = bool(rng.random() < shape.failures)
    end_ns = stamps.closed_ns or sent_ns
    heapq.heappush(slots, end_ns)
    failure = Failure(kind=FailureKind.SERVER, message="overloaded", http_status=503) if failed else None
    attempt = Attempt(
        index=0,
        status=AttemptStatus.ERROR if failed else AttemptStatus.OK,
        stamps=Stamps(sent_ns=sent_ns, closed_ns=end_ns) if failed else stamps,
        http_status=503 if failed else 200,
        failure=failure,
        connection_reused=connect_ns is None,
        n_deltas=len(stamps.deltas_ns),
        n_reads=len(stamps.deltas_ns) + 3,
        observed=_observed(len(stamps.deltas_ns), shape, rng),
    )
    reasoning = 40 if shape.reasoning_ms else 0
    usage = Usage(
        input_tokens=60, cached_tokens=0, output_tokens=shape.visible_tokens + reasoning, reasoning_tokens=reasoning
    )
    status = Status.ERROR if failed else Status.OK
    call = Call(
        purpose=Purpose.SUBJECT,
        turn_index=0,
        request={**arm.request, "model": arm.model, "input": "How much?"},
        status=status,
        intended_ns=intended_ns,
        intended_utc_ns=START_UTC_NS + intended_ns - START_NS,
        attempts=(attempt,),
        answer=Answer() if failed else Answer(text="42", stop_reason="completed", model_reported=arm.model),
        usage=None if failed else usage,
        failure=failure,
    )
    scores = {} if failed else {"answer": Score(grader="numeric", value=1.0, passed=True)}
    return TrialResult(trial_id=trial.trial_id, status=status, calls=(call,), scores=scores, failure=failure), end_ns


def _stamps(
    sent_ns: int, begun_ns: int, connect_ns: int | None, slower: float, shape: LatencyShape, rng: np.random.Generator
) -> Stamps:
    waiting_ms = (shape.ttfo_ms - shape.reasoning_ms) * slower * rng.lognormal(0, 0.25)
    reasoning_ms = shape.reasoning_ms * slower * rng.lognormal(0, 0.25)
    reason_ns = begun_ns + ns_from_ms(waiting_ms)
    output_ns = reason_ns + ns_from_ms(reasoning_ms)
    gaps_ms = rng.gamma(4.0, shape.pace_ms * slower / 4, size=shape.visible_tokens - 1)
    deltas = output_ns + np.round(np.concatenate(([0.0], np.cumsum(gaps_ms))) * NS_PER_MS).astype(np.int64)
    done_ns = int(deltas[-1]) + NS_PER_MS
    if not shape.stream:
        return Stamps(sent_ns=sent_ns, headers_ns=reason_ns, done_ns=done_ns, closed_ns=done_ns, connect_ns=connect_ns)
    shown = shape.reasoning_ms > 0 and not shape.hidden_reasoning
    return Stamps(
        sent_ns=sent_ns,
        headers_ns=sent_ns + 2 * NS_PER_MS,
        first_event_ns=sent_ns + 3 * NS_PER_MS,
        first_reasoning_ns=reason_ns if shown else None,
        first_output_ns=output_ns,
        last_output_ns=int(deltas[-1]),
        done_ns=done_ns,
        closed_ns=done_ns,
        connect_ns=connect_ns,
        deltas_ns=array("q", deltas.tolist()),
    )


def _observed(n_deltas: int, shape: LatencyShape, rng: np.random.Generator) -> Observed | None:
    if shape.error_ms is None:
        return None
    errors = [ns_from_ms(shape.error_ms * rng.lognormal(0, 0.6)) for _ in range(2)]
    return Observed(
        source=shape.source,
        send_ns=20_000,
        max_lag_ns=max(errors),
        n_coalesced=int(rng.binomial(max(0, n_deltas - 1), shape.coalesced)),
        first_output_error_ns=errors[0],
        done_error_ns=errors[1],
    )


def _observers(shape: LatencyShape) -> tuple[ObserverRecord, ...]:
    if shape.error_ms is None:
        return ()
    middle = max(10, ns_from_ms(shape.error_ms).bit_length())
    counts = {middle - 1: 600, middle: 300, middle + 1: 90, middle + 3: 8, middle + 5: 1}
    return (ObserverRecord(session=0, loop="measuring", routes=shape.routes, loop_lag_counts=counts),)
