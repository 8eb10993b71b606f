"""``show``: one case of a run in full, as text. Everything a model or service wrote is made visible, never obeyed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.core.errors import UsageError
from evalharness.core.failure import Failure
from evalharness.core.model import Arm, Case, Endpoint, Trial
from evalharness.core.record import Attempt, Call, LostAttempt, RunRecord, Score, TrialResult
from evalharness.core.units import ms_between
from evalharness.metrics.measure import measure_trial
from evalharness.report.curl import curl
from evalharness.report.visible import visible

_SHOWN_METRICS = (
    *("queue_ms", "wait_ms", "connect_ms", "headers_ms", "ttfe_ms", "ttfr_ms", "ttft_ms", "ttfo_ms", "latency_ms"),
    *("total_ms", "tpot_ms", "gap_ms", "visible_tokens_per_s", "output_tokens_per_s", "cost_usd"),
)
_TIMELINE = (
    ("headers_ns", "response head"),
    ("first_event_ns", "first event"),
    ("first_reasoning_ns", "first reasoning"),
    ("first_output_ns", "first output"),
    ("last_output_ns", "last output"),
    ("done_ns", "terminal event"),
    ("closed_ns", "body ended"),
)
_RULER = 40


def show(
    run: RunRecord,
    name: str,
    *,
    arms: Sequence[Arm],
    repeat: int | None,
    earlier: Sequence[TrialResult] = (),
    raw: bool = False,
) -> str:
    """All trials of a case in these arms, or the one trial that has the id ``name``. ``repeat``: one of them, from 1;
    None: all. ``earlier``: results of trials that were asked again, oldest first. ``raw``: with the first bytes that
    failed attempts received.

    Raises:
        UsageError: no such case or repeat; the nearest ids are in the hint.
    """
    only = next((trial for trial in run.plan.trials if trial.trial_id == name), None)
    case = _case(run, name if only is None else only.case_id)
    wanted = {arm.arm_id: arm for arm in arms}
    endpoints = {endpoint.name: endpoint for endpoint in run.plan.suite.endpoints}
    trials = [
        trial
        for trial in run.plan.trials
        if trial.case_id == case.case_id
        and only in (None, trial)
        and trial.arm_id in wanted
        and repeat in (None, trial.repeat_index + 1)
        and trial.trial_id in run.results
    ]
    if not trials:
        raise UsageError(f"case '{case.case_id}' has no repeat {repeat} in these arms", hint="repeats count from 1")
    trials.sort(key=lambda trial: (list(wanted).index(trial.arm_id), trial.phase, trial.repeat_index))
    blocks = ["\n".join(_case_lines(case))]
    blocks += [
        "\n".join(
            [
                *_head_lines(trial, wanted[trial.arm_id], run.results[trial.trial_id]),
                *_earlier_lines([result for result in earlier if result.trial_id == trial.trial_id], raw=raw),
                *_result_lines(run.results[trial.trial_id], endpoints[wanted[trial.arm_id].endpoint], raw=raw),
                *_lost_lines(trial, run.lost_attempts),
            ]
        )
        for trial in trials
    ]
    return visible("\n\n".join(blocks))


def _case(run: RunRecord, case_id: str) -> Case:
    cases = {case.case_id: case for case in run.plan.suite.cases}
    if case_id in cases:
        return cases[case_id]
    import difflib

    close = difflib.get_close_matches(case_id, cases, n=3) or list(cases)[:3]
    raise UsageError(f"the run has no case '{case_id}'", hint=f"cases are {', '.join(close)}, …")


def _case_lines(case: Case) -> Iterator[str]:
    yield f"case {case.case_id}" + (f"  tags: {', '.join(case.tags)}" if case.tags else "")
    for name, value in case.vars.items():
        yield f"  {name}: {value}"
    if case.expected_text is not None:
        yield f"  expected: {case.expected_text}"


def _head_lines(trial: Trial, arm: Arm, result: TrialResult) -> Iterator[str]:
    warmup = ", warm-up" if trial.phase == "warmup" else ""
    yield f"── {arm.label}, repeat {trial.repeat_index + 1}{warmup}: {result.status}"
    if result.pending_reason:
        yield f"  pending: {result.pending_reason}"
    yield f"  trial {trial.trial_id}"


def _earlier_lines(results: Sequence[TrialResult], *, raw: bool) -> Iterator[str]:
    """What came of a trial before it was asked again."""
    for number, result in enumerate(results, start=1):
        yield f"  asked the {_ordinal(number)} time: {result.status}"
        for call in result.calls:
            for attempt in call.attempts:
                yield from _attempt_lines(attempt, raw=raw)
    if results:
        yield f"  asked the {_ordinal(len(results) + 1)} time:"


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def _result_lines(result: TrialResult, endpoint: Endpoint, *, raw: bool) -> Iterator[str]:
    for call in result.calls:
        yield from _call_lines(call, raw=raw)
    for grader_id, score in result.scores.items():
        yield f"  {_score_text(grader_id, score)}"
    if result.calls:
        yield from _measured_lines(result)
        yield "  as curl:"
        yield curl(endpoint, result.calls[-1].request)


def _lost_lines(trial: Trial, lost: Sequence[LostAttempt]) -> Iterator[str]:
    for attempt in lost:
        if attempt.trial_id == trial.trial_id:
            turn = f" of turn {attempt.turn_index + 1}" if attempt.turn_index else ""
            yield f"  attempt {attempt.attempt_index + 1}{turn}: begun {attempt.begun_utc} and never ended"
            yield "    the run was killed or cut short; it may have been charged"


def _call_lines(call: Call, *, raw: bool) -> Iterator[str]:
    for attempt in call.attempts:
        yield from _attempt_lines(attempt, raw=raw)
    answer = call.answer
    if answer.reasoning_summary:
        yield f"  reasoning: {answer.reasoning_summary}"
    if answer.text:
        yield f"  output: {answer.text}"
    if answer.refusal:
        yield f"  refusal: {answer.refusal}"
    for tool_call in answer.tool_calls:
        yield f"  {tool_call.type}: {tool_call.name}({tool_call.arguments})"
    if call.usage is not None:
        usage = call.usage
        yield (
            f"  tokens: input {usage.input_tokens} (cached {usage.cached_tokens}),"
            f" output {usage.output_tokens} (reasoning {usage.reasoning_tokens})"
        )
    for anomaly in call.anomalies:
        yield f"  anomaly: {anomaly}"


def _attempt_lines(attempt: Attempt, *, raw: bool) -> Iterator[str]:
    head = "" if attempt.http_status is None else f", HTTP {attempt.http_status}"
    request_id = f", request id {attempt.request_id}" if attempt.request_id else ""
    waited = f", after a wait of {attempt.wait_ms:,.0f} ms" if attempt.wait_ms else ""
    yield f"  attempt {attempt.index + 1}: {attempt.status}{head}{request_id}{waited}"
    if attempt.failure is not None:
        yield f"    {attempt.failure.kind}: {attempt.failure.message}"
        if raw:
            yield from _raw_lines(attempt.failure)
    if attempt.partial_text:
        yield f"    received before it broke off: {attempt.partial_text}"
    moments = [
        (name, ms)
        for field, name in _TIMELINE
        if (ms := ms_between(attempt.stamps.sent_ns, getattr(attempt.stamps, field))) is not None
    ]
    longest_ms = max((ms for _, ms in moments), default=0) or 1
    for name, ms in moments:
        yield f"    {'·' * round(_RULER * ms / longest_ms) + '|':{_RULER + 1}} {ms:10,.1f} ms  {name}"


def _raw_lines(failure: Failure) -> Iterator[str]:
    if failure.body_excerpt is None:
        yield "    no byte of a body came"
        return
    n_bytes = len(failure.body_excerpt.encode("utf-8", "surrogatepass"))
    yield f"    its body began with ({n_bytes:,} bytes are kept, keys taken out):"
    # A bar before each, so that no body can pass for a line of this text.
    yield from (f"    | {line}" for line in failure.body_excerpt.split("\n"))


def _score_text(grader_id: str, score: Score) -> str:
    if score.value is None:
        return f"score {grader_id}: could not be graded: {score.reason}"
    verdict = "right" if score.passed else "not right"
    return f"score {grader_id}: {score.value:g}, {verdict}" + (f": {score.reason}" if score.reason else "")


def _measured_lines(result: TrialResult) -> Iterator[str]:
    measured = measure_trial(result)
    known = [f"{name} {measured[name]:,.6g}" for name in _SHOWN_METRICS if measured.get(name) is not None]
    for start in range(0, len(known), 5):
        yield "  " + "  ".join(known[start : start + 5])
