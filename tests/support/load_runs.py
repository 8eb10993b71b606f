"""Runs of a load, written trial by trial: when each was meant to start, was sent, spoke and ended.

``load_run(load, sent)`` makes the record of a measurement of time in which nothing is drawn by chance.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ids import content_id
from evalharness.core.model import (
    Arm,
    Case,
    Endpoint,
    EndpointKind,
    GraderSpec,
    Load,
    PendingReason,
    Plan,
    Prompt,
    Slo,
    Status,
    Suite,
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
    TrialResult,
    Usage,
)
from evalharness.core.units import NS_PER_S, ns_from_ms
from tests.support.runs import START_NS, START_UTC_NS, manifest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One trial. Times in milliseconds from sending; ``lag_ms`` from the intended start to connecting.

    ``failed_ms``: an attempt before it failed after this time, and ``pause_ms`` went by; without it the pause, which
    the service asked for, held the one attempt back after ``lag_ms``. ``start_s`` None: never sent.
    ``connected`` False: the failure came before anything was sent.
    """

    start_s: float | None
    latency_ms: float = 100.0
    ttfo_ms: float | None = 40.0
    ttfr_ms: float | None = None
    lag_ms: float = 0.0
    connect_ms: float | None = None
    failed_ms: float | None = None
    pause_ms: float = 0.0
    arm: int = 0
    case: int = 0
    step: int = 0
    status: Status = Status.OK
    right: bool = True
    connected: bool = True
    output_tokens: int | None = 20
    reasoning_tokens: int = 0
    observed: Observed | None = None
    reason: PendingReason = PendingReason.INTERRUPTED


def load_run(
    load: Load,
    sent: Sequence[Sent],
    *,
    arms: int = 1,
    slo: Slo | None = None,
    observers: tuple[ObserverRecord, ...] = (),
) -> RunRecord:
    """``sent`` in the order of the plan; repeats of a case in an arm are numbered as they come."""
    suite = _suite(load, slo, 1 + max((each.case for each in sent), default=0))
    declared = tuple(_arm(place, arms) for place in range(arms))
    trials, results = [], {}
    seen: dict[tuple[int, int], int] = {}
    for each in sent:
        repeat = seen[each.case, each.arm] = seen.get((each.case, each.arm), -1) + 1
        case_id, arm_id = suite.cases[each.case].case_id, declared[each.arm].arm_id
        trial = Trial(
            trial_id=content_id([case_id, arm_id, repeat]),
            case_id=case_id,
            arm_id=arm_id,
            repeat_index=repeat,
            step=each.step,
        )
        trials.append(trial)
        results[trial.trial_id] = _result(trial, each)
    plan = Plan(suite=suite, arms=declared, trials=tuple(trials), plan_hash="0" * 16, hashed={})
    manifest = manifest_of(plan, run_id="20261101T120000Z-load")
    return RunRecord(manifest=manifest, plan=plan, results=results, observers=observers)


def _suite(load: Load, slo: Slo | None, n_cases: int) -> Suite:
    return Suite(
        name="latency",
        endpoints=(Endpoint(name="sim", kind=EndpointKind.SIMULATOR, target="default", model="sim-mini"),),
        prompts=(Prompt(name="plain", template="{{ question }}"),),
        cases=tuple(
            Case(case_id=f"case-{place}", vars={"question": f"{place}?"}, content_hash=str(place))
            for place in range(n_cases)
        ),
        graders=(GraderSpec(grader_id="answer", type="exact"),),
        load=load,
        slo=slo,
    )


def _arm(place: int, n_arms: int) -> Arm:
    key = {"model": f"model-{place}"} if n_arms > 1 else {}
    return Arm(arm_id=f"arm-{place}", key=key, endpoint="sim", model=f"model-{place}", prompt="plain")


def _result(trial: Trial, each: Sent) -> TrialResult:
    if each.start_s is None:
        return TrialResult(trial_id=trial.trial_id, status=Status.PENDING, pending_reason=each.reason)
    failure = Failure(kind=FailureKind.SERVER, message="it failed") if each.status is Status.ERROR else None
    score = Score(grader="exact", value=float(each.right), passed=each.right)
    graded = each.status is Status.OK
    return TrialResult(
        trial_id=trial.trial_id,
        status=each.status,
        calls=(_call(each, each.start_s, failure),),
        scores={"answer": score} if graded else {},
        failure=failure,
    )


def _call(each: Sent, start_s: float, failure: Failure | None) -> Call:
    intended_ns = START_NS + round(start_s * NS_PER_S)
    sent_ns = intended_ns + ns_from_ms(each.lag_ms)
    attempts = []
    if each.failed_ms is not None:
        closed_ns = sent_ns + ns_from_ms(each.failed_ms)
        stamps = Stamps(sent_ns=sent_ns, closed_ns=closed_ns)
        attempts.append(Attempt(index=0, status=AttemptStatus.ERROR, stamps=stamps))
        sent_ns = closed_ns
    sent_ns += ns_from_ms(each.pause_ms)
    sent_ns += ns_from_ms(each.connect_ms or 0)
    attempts.append(_attempt(each, len(attempts), sent_ns, failure))
    usage = None if each.output_tokens is None or failure else _usage(each)
    return Call(
        purpose=Purpose.SUBJECT,
        turn_index=0,
        request={},
        status=each.status,
        intended_ns=intended_ns,
        intended_utc_ns=START_UTC_NS + intended_ns - START_NS,
        attempts=tuple(attempts),
        answer=Answer(text="7"),
        usage=usage,
        failure=failure,
    )


def _usage(each: Sent) -> Usage:
    return Usage(
        input_tokens=10, cached_tokens=0, output_tokens=each.output_tokens, reasoning_tokens=each.reasoning_tokens
    )


def _attempt(each: Sent, index: int, sent_ns: int, failure: Failure | None) -> Attempt:
    def at(ms: float | None) -> int | None:
        return None if ms is None else sent_ns + ns_from_ms(ms)

    first_ns, done_ns = at(each.ttfo_ms), at(each.latency_ms)
    deltas = [first_ns + step * 1_000_000 for step in range(5)] if first_ns is not None else []
    stamps = Stamps(
        sent_ns=sent_ns,
        headers_ns=sent_ns,
        first_event_ns=first_ns,
        first_reasoning_ns=at(each.ttfr_ms),
        first_output_ns=first_ns,
        last_output_ns=deltas[-1] if deltas else None,
        done_ns=done_ns,
        closed_ns=done_ns,
        connect_ns=None if each.connect_ms is None else ns_from_ms(each.connect_ms),
        deltas_ns=array("q", deltas),
    )
    if failure is not None:
        stamps = Stamps(sent_ns=sent_ns if each.connected else None, closed_ns=done_ns)
    return Attempt(
        index=index,
        status=AttemptStatus.OK if failure is None else AttemptStatus.ERROR,
        stamps=stamps,
        wait_ms=each.pause_ms,
        failure=failure,
        observed=each.observed,
    )
