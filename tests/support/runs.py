"""Synthetic run records with a declared truth: what reports, stores and verdicts are tried on without a service.

``make_run(arms=5, cases=60, repeats=2, seed=1, failures=0.01)`` is an effort sweep in which accuracy, reasoning tokens
and times rise with the effort. The same options give the same record, to the last stamp.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.ids import content_id
from evalharness.core.model import (
    AnalysisOptions,
    Arm,
    Case,
    DecisionLimit,
    DecisionRule,
    Endpoint,
    EndpointKind,
    GraderSpec,
    Json,
    Load,
    Order,
    PendingReason,
    Plan,
    Prices,
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
    Purpose,
    RunManifest,
    RunRecord,
    RunState,
    Score,
    Stamps,
    TrialResult,
    Usage,
)
from evalharness.core.units import NS_PER_MS

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
START_NS = 5_000_000_000_000
START_UTC_NS = 1_793_534_400_000_000_000  # 2026-11-01T12:00:00Z
RULE = DecisionRule(
    rule="cheapest_within_margin",
    metric="answer",
    margin=0.02,
    limits=(DecisionLimit(metric="total_ms", quantile=0.5, at_most=60_000.0),),
)
PRICES = Prices(input=0.75, cached_input=0.075, output=4.50, as_of="2026-11-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTruth:
    """What one effort does: share right, mean reasoning tokens, medians of the times in milliseconds."""

    accuracy: float
    reasoning_tokens: float
    ttfo_ms: float
    pace_ms: float = 8.0


TRUTH: Mapping[str, ArmTruth] = {
    "none": ArmTruth(accuracy=0.58, reasoning_tokens=0, ttfo_ms=320),
    "minimal": ArmTruth(accuracy=0.61, reasoning_tokens=40, ttfo_ms=500),
    "low": ArmTruth(accuracy=0.66, reasoning_tokens=120, ttfo_ms=900),
    "medium": ArmTruth(accuracy=0.72, reasoning_tokens=380, ttfo_ms=2_400),
    "high": ArmTruth(accuracy=0.73, reasoning_tokens=1_100, ttfo_ms=6_500),
    "xhigh": ArmTruth(accuracy=0.735, reasoning_tokens=2_900, ttfo_ms=16_000),
    "max": ArmTruth(accuracy=0.735, reasoning_tokens=5_200, ttfo_ms=28_000),
}
FIVE = ("none", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShape:
    """Options of ``make_run``. Shares are of planned trials; each is drawn independently with ``seed``.

    ``arms``: a number of efforts or their names. ``clusters``: how many groups the cases fall into; None: none.
    ``failures``: errors of mixed kinds, one in three a timeout. ``difficulty_spread``: standard deviation of case
    difficulty on the probit scale; it sets how much repeats and arms of a case agree. ``drift``: growth of all times
    from the first trial to the last (0.5: half as long again). ``spells``: lag-1 correlation of a factor on all times
    (log sd 0.5). ``one_by_one``: the arms are sent one after the other. ``prompts``: more than one adds the axis
    ``prompt``.
    """

    arms: int | tuple[str, ...] = 5
    cases: int = 60
    repeats: int = 2
    seed: int = 1
    failures: float = 0.01
    incomplete: float = 0.01
    refused: float = 0.0
    pending: float = 0.0
    null_scores: float = 0.0
    without_usage: float = 0.0
    retries: float = 0.01
    clusters: int | None = None
    difficulty_spread: float = 1.5
    drift: float = 0.0
    spells: float = 0.0
    one_by_one: bool = False
    stream: bool = True
    hidden_reasoning: bool = False
    honours_effort: bool = True
    graded_share: bool = False
    turns: int = 1
    prompts: tuple[str, ...] = ("plain",)
    prices: Prices | None = PRICES
    decision: DecisionRule | None = RULE
    slo: Slo | None = None
    scope: str = "population"
    simulated: bool = True
    truth: Mapping[str, ArmTruth] = field(default_factory=lambda: TRUTH)

    @property
    def efforts(self) -> tuple[str, ...]:
        if not isinstance(self.arms, int):
            return self.arms
        return FIVE[: self.arms] if self.arms <= len(FIVE) else EFFORTS[: self.arms]


def make_run(**options: object) -> RunRecord:
    """A finished (or, with ``pending``, interrupted) run. ``options`` are the fields of ``RunShape``."""
    shape = RunShape(**options)  # type: ignore[arg-type]
    rng = np.random.default_rng(shape.seed)
    suite = _suite(shape)
    arms = tuple(_arm(effort, prompt, shape) for prompt in shape.prompts for effort in shape.efforts)
    plan = _plan(suite, arms, rng)
    ease = rng.standard_normal(len(suite.cases))
    results = {result.trial_id: result for result in _results(plan, ease, shape, rng)}
    partial = any(result.status is Status.PENDING for result in results.values())
    ended = (
        {} if not partial else {"state": RunState.PARTIAL, "stop_reason": PendingReason.INTERRUPTED, "exit_code": 130}
    )
    manifest = manifest_of(plan, simulated=shape.simulated, **ended)
    return RunRecord(manifest=manifest, plan=plan, results=results)


def manifest_of(plan: Plan, **changed: object) -> RunManifest:
    """Of a run of the plan that came to its end. ``changed`` are fields of ``RunManifest``."""
    fields = {
        "run_id": f"20261101T120000Z-{plan.plan_hash[:8]}",
        "suite_name": plan.suite.name,
        "created_utc": "2026-11-01T12:00:00.000Z",
        "plan_hash": plan.plan_hash,
        "version": "0.1.0",
        "state": RunState.COMPLETE,
        "finished_utc": "2026-11-01T12:30:00.000Z",
        "exit_code": 0,
        "suite_text": f"suite: {plan.suite.name}\n",
        "suite_path": f"suites/{plan.suite.name}.yaml",
        "environment": {"python": "3.11", "platform": "Linux"},
    }
    return RunManifest(**{**fields, **changed})  # type: ignore[arg-type]


def _suite(shape: RunShape) -> Suite:
    cases = tuple(_case(index, shape) for index in range(shape.cases))
    axes: dict[str, tuple[Json, ...]] = {}
    if len(shape.efforts) > 1:
        axes["reasoning.effort"] = shape.efforts
    if len(shape.prompts) > 1:
        axes["prompt"] = shape.prompts
    return Suite(
        name="effort-maths",
        description="Which reasoning effort pays for itself on word problems?",
        endpoints=(
            Endpoint(name="sim", kind=EndpointKind.SIMULATOR, target="default", model="sim-mini", prices=shape.prices),
        ),
        prompts=tuple(Prompt(name=name, template="{{ question }}\nGive only the number.") for name in shape.prompts),
        cases=cases,
        graders=(
            GraderSpec(grader_id="answer", type="numeric", params={"expected": "{{ expected }}"}),
            GraderSpec(grader_id="brief", type="word_count", params={"max": 20}),
        ),
        sweep=Sweep(axes=axes, baseline={"reasoning.effort": shape.efforts[0]} if axes else None),
        repeats=shape.repeats,
        load=Load(seed=shape.seed, order=Order.SEQUENTIAL if shape.one_by_one else Order.INTERLEAVED),
        slo=shape.slo,
        decision=shape.decision,
        analysis=AnalysisOptions(scope=shape.scope),
    )


def _case(index: int, shape: RunShape) -> Case:
    left, right = 3 + index, 2 * index % 17
    text = str(left + right)
    variables = {"question": f"Ann has {left} apples and gets {right} more. How many has she?"}
    return Case(
        case_id=f"case-{index:04d}",
        vars=variables,
        expected=text,
        expected_text=text,
        tags=("easy" if index % 3 else "hard", *(("money",) if index % 10 == 0 else ())),
        cluster=None if shape.clusters is None else f"passage-{index % shape.clusters}",
        content_hash=content_id([variables, text]),
    )


def _arm(effort: str, prompt: str, shape: RunShape) -> Arm:
    request = {"max_output_tokens": 16_384, "store": False, "stream": shape.stream, "reasoning": {"effort": effort}}
    key: dict[str, Json] = {"reasoning.effort": effort} if len(shape.efforts) > 1 else {}
    if len(shape.prompts) > 1:
        key["prompt"] = prompt
    return Arm(
        arm_id=content_id(["sim", "sim-mini", prompt, request]),
        key=key,
        endpoint="sim",
        model="sim-mini",
        prompt=prompt,
        request=request,
    )


def _plan(suite: Suite, arms: tuple[Arm, ...], rng: np.random.Generator) -> Plan:
    trials = []
    for repeat in range(suite.repeats):
        for case_index in rng.permutation(len(suite.cases)):
            for arm_index in rng.permutation(len(arms)):
                case_id, arm_id = suite.cases[case_index].case_id, arms[arm_index].arm_id
                trial_id = content_id([case_id, arm_id, repeat, "measured"])
                trials.append(Trial(trial_id=trial_id, case_id=case_id, arm_id=arm_id, repeat_index=repeat))
    if suite.load.order is Order.SEQUENTIAL:
        trials.sort(key=lambda trial: [arm.arm_id for arm in arms].index(trial.arm_id))
    hashed = {"arms": [arm.arm_id for arm in arms], "cases": len(suite.cases), "repeats": suite.repeats}
    return Plan(suite=suite, arms=arms, trials=tuple(trials), plan_hash=content_id(hashed), hashed=hashed)


def _results(plan: Plan, ease: np.ndarray, shape: RunShape, rng: np.random.Generator) -> Iterator[TrialResult]:
    """One result per trial in the order sent, eight in flight."""
    arms = {arm.arm_id: arm for arm in plan.arms}
    case_index = {case.case_id: index for index, case in enumerate(plan.suite.cases)}
    slots = [START_NS + slot for slot in range(8)]
    n = max(1, len(plan.trials))
    factors = _spells(shape, n)
    for position, trial in enumerate(plan.trials):
        if rng.random() < shape.pending:
            reason = PendingReason.INTERRUPTED
            yield TrialResult(trial_id=trial.trial_id, status=Status.PENDING, pending_reason=reason)
            continue
        draw = _Draw(
            shape=shape,
            arm=arms[trial.arm_id],
            case=plan.suite.cases[case_index[trial.case_id]],
            ease=float(ease[case_index[trial.case_id]]),
            slower=(1 + shape.drift * position / n) * factors[position],
            rng=rng,
        )
        result, end_ns = draw.trial(trial, heapq.heappop(slots))
        heapq.heappush(slots, end_ns)
        yield result


def _spells(shape: RunShape, n: int) -> list[float]:
    """By their own generator, so that runs without them are what they were."""
    if not shape.spells:
        return [1.0] * n
    logs = np.random.default_rng([shape.seed, 7]).standard_normal(n)
    for place in range(1, n):
        logs[place] = shape.spells * logs[place - 1] + math.sqrt(1 - shape.spells**2) * logs[place]
    return [float(factor) for factor in np.exp(0.5 * logs)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draw:
    """Everything one trial's outcome is drawn from."""

    shape: RunShape
    arm: Arm
    case: Case
    ease: float
    slower: float
    rng: np.random.Generator

    @property
    def truth(self) -> ArmTruth:
        return self.shape.truth[self.arm.effort or "none"]

    def trial(self, trial: Trial, start_ns: int) -> tuple[TrialResult, int]:
        status = self._status()
        right = self._right()
        calls = []
        for turn in range(self.shape.turns):
            last = turn == self.shape.turns - 1
            call = self._call(trial, turn, start_ns, status if last else Status.OK, right)
            calls.append(call)
            start_ns = call.last_attempt.stamps.closed_ns or start_ns
        costs = [call.cost_usd for call in calls if call.cost_usd is not None]
        result = TrialResult(
            trial_id=trial.trial_id,
            status=status,
            calls=tuple(calls),
            scores=self._scores(status, right),
            failure=calls[-1].failure,
            anomalies=calls[-1].anomalies,
            cost_usd=sum(costs) if len(costs) == len(calls) else None,
        )
        return result, start_ns

    def _status(self) -> Status:
        where = self.rng.random()
        for share, status in (
            (self.shape.failures, Status.ERROR),
            (self.shape.incomplete, Status.INCOMPLETE),
            (self.shape.refused, Status.REFUSED),
        ):
            if where < share:
                return status
            where -= share
        return Status.OK

    def _right(self) -> bool:
        """Probit: cases differ in difficulty, and the share right over all of them is the declared accuracy."""
        spread = self.shape.difficulty_spread
        accuracy = min(max(self.truth.accuracy, 1e-9), 1 - 1e-9)
        level = NormalDist().inv_cdf(accuracy) * math.sqrt(1 + spread**2) + spread * self.ease
        return bool(self.rng.random() < NormalDist().cdf(level)) if 0 < self.truth.accuracy < 1 else accuracy > 0.5

    def _scores(self, status: Status, right: bool) -> dict[str, Score]:
        """Both graders judge ``ok`` alone: the 0 of other statuses exists in the analysis only."""
        if status is not Status.OK:
            return {}
        value: float | None = float(right)
        if self.shape.graded_share:
            value = round(float(np.clip(0.7 * right + 0.3 * self.rng.random(), 0, 1)), 3)
        if self.rng.random() < self.shape.null_scores:
            value = None
        passed = None if value is None else value >= 1
        reason = "no number found" if value is None else None
        brief = float(self.rng.random() < 0.9)
        return {
            "answer": Score(grader="numeric", value=value, passed=passed, reason=reason),
            "brief": Score(grader="word_count", value=brief, passed=brief >= 1),
        }

    def _call(self, trial: Trial, turn: int, intended_ns: int, status: Status, right: bool) -> Call:
        attempts: list[Attempt] = []
        sent_ns = intended_ns + round(self.rng.exponential(0.2) * NS_PER_MS)
        if self.rng.random() < self.shape.retries:
            attempts.append(_limited(sent_ns))
            sent_ns += 760 * NS_PER_MS
        failure = self._failure() if status is Status.ERROR else None
        usage = None if failure else self._usage(status)
        attempts.append(self._attempt(len(attempts), sent_ns, usage, failure))
        effort = self.arm.effort
        answer = Answer(
            text=(self.case.expected_text or "") if right else "I think it is 12345.",
            stop_reason="max_output_tokens" if status is Status.INCOMPLETE else "completed",
            response_id=f"resp_{trial.trial_id}_{turn}",
            model_reported="sim-mini-2026-10",
            effort_reported=effort if self.shape.honours_effort else "medium",
            tier_reported="default",
        )
        return Call(
            purpose=Purpose.SUBJECT,
            turn_index=turn,
            request={**self.arm.request, "model": self.arm.model, "input": self.case.vars["question"]},
            status=status,
            intended_ns=intended_ns,
            intended_utc_ns=START_UTC_NS + intended_ns - START_NS,
            attempts=tuple(attempts),
            answer=Answer() if failure else answer,
            usage=usage,
            failure=failure,
            cost_usd=_cost_usd(usage, self.shape.prices),
        )

    def _failure(self) -> Failure:
        kinds: Sequence[FailureKind] = (FailureKind.TIMEOUT, FailureKind.SERVER, FailureKind.STREAM_CUT)
        kind = kinds[int(self.rng.integers(3))]
        clock = Clock.FIRST_EVENT if kind is FailureKind.TIMEOUT else None
        return Failure(kind=kind, message=f"the service failed ({kind})", clock=clock)

    def _usage(self, status: Status) -> Usage | None:
        if self.rng.random() < self.shape.without_usage:
            return None
        mean = self.truth.reasoning_tokens if self.shape.honours_effort else TRUTH["medium"].reasoning_tokens
        reasoning = round(mean * self.rng.lognormal(-0.18, 0.6))
        visible = int(self.rng.integers(8, 40)) if status is not Status.REFUSED else 12
        n_input = int(60 + len(str(self.case.vars["question"])) // 4)
        return Usage(
            input_tokens=n_input,
            cached_tokens=0 if self.rng.random() < 0.8 else 32,
            output_tokens=visible + reasoning,
            reasoning_tokens=reasoning,
        )

    def _attempt(self, index: int, sent_ns: int, usage: Usage | None, failure: Failure | None) -> Attempt:
        wait_ms = 760.0 if index else 0.0
        if failure is not None:
            stamps = Stamps(sent_ns=sent_ns, closed_ns=sent_ns + 5_000 * NS_PER_MS)
            return Attempt(
                index=index,
                status=AttemptStatus.ERROR,
                stamps=stamps,
                wait_ms=wait_ms,
                failure=failure,
                http_status=500,
            )
        stamps = self._stamps(sent_ns, usage)
        n_deltas = len(stamps.deltas_ns)
        return Attempt(
            index=index,
            status=AttemptStatus.OK,
            stamps=stamps,
            wait_ms=wait_ms,
            http_status=200,
            connection_reused=stamps.connect_ns is None,
            n_events=n_deltas + 6,
            n_deltas=n_deltas,
            n_reads=n_deltas + 4,
        )

    def _stamps(self, sent_ns: int, usage: Usage | None) -> Stamps:
        rng, slower = self.rng, self.slower
        ttfo_ms = self.truth.ttfo_ms * slower * rng.lognormal(0, 0.35) * (8 if rng.random() < 0.01 else 1)
        visible = 20 if usage is None else (usage.output_tokens or 0) - (usage.reasoning_tokens or 0)
        gaps_ms = rng.gamma(2.0, self.truth.pace_ms * slower / 2, size=max(1, visible) - 1)
        offsets_ms = ttfo_ms + np.concatenate(([0.0], np.cumsum(gaps_ms)))
        deltas = sent_ns + np.round(offsets_ms * NS_PER_MS).astype(np.int64)
        done_ns = int(deltas[-1]) + 2 * NS_PER_MS
        head_ns = sent_ns + round(min(ttfo_ms, 40) * 0.5 * NS_PER_MS)
        connect_ns = 3 * NS_PER_MS if rng.random() < 0.01 else None
        if not self.shape.stream:
            return Stamps(
                sent_ns=sent_ns, headers_ns=head_ns, done_ns=done_ns, closed_ns=done_ns, connect_ns=connect_ns
            )
        thinks = self.truth.reasoning_tokens > 0 and not self.shape.hidden_reasoning
        return Stamps(
            sent_ns=sent_ns,
            headers_ns=head_ns,
            first_event_ns=head_ns + NS_PER_MS // 10,
            first_reasoning_ns=head_ns + round(0.3 * (ttfo_ms * NS_PER_MS - (head_ns - sent_ns))) if thinks else None,
            first_output_ns=int(deltas[0]),
            last_output_ns=int(deltas[-1]),
            done_ns=done_ns,
            closed_ns=done_ns + NS_PER_MS // 20,
            connect_ns=connect_ns,
            deltas_ns=array("q", deltas.tolist()),
        )


def _limited(sent_ns: int) -> Attempt:
    failure = Failure(kind=FailureKind.RATE_LIMIT, message="too many requests", http_status=429, retry_after_ms=500.0)
    stamps = Stamps(sent_ns=sent_ns, headers_ns=sent_ns + NS_PER_MS, closed_ns=sent_ns + NS_PER_MS)
    return Attempt(index=0, status=AttemptStatus.ERROR, stamps=stamps, http_status=429, failure=failure)


def _cost_usd(usage: Usage | None, prices: Prices | None) -> float | None:
    if usage is None or prices is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    cached = usage.cached_tokens or 0
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    paid = (usage.input_tokens - cached) * prices.input + cached * cached_price + usage.output_tokens * prices.output
    return paid / prices.per_tokens
