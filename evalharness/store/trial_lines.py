"""A run as one plain mapping per trial: the fields of every export, documented in the interface documentation.

Derived times are computed here from the raw stamps, by the same functions the report uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from evalharness.core.clock import utc_text
from evalharness.core.model import Arm, Json, Phase, Status, Trial
from evalharness.core.record import Attempt, Call, Observed, Purpose, RunRecord, TrialResult
from evalharness.core.units import NS_PER_MS, ms_between
from evalharness.metrics.error_bounds import error_bounds_ms
from evalharness.metrics.measure import measure_calls

KEYS = (
    *("run_id", "trial_id", "case_id", "arm_id", "arm", "repeat_index", "phase", "step", "status", "failure"),
    *("pending_reason", "anomalies", "request", "request_id", "response_id", "model_reported", "effort_reported"),
    *("output_text", "refusal", "reasoning_summary", "tool_calls", "stop_reason", "usage", "cost_usd"),
    *("judge_cost_usd", "timing", "attempts", "scores"),
)
TIMES_MS = (
    *("queue_ms", "wait_ms", "connect_ms", "headers_ms", "ttfe_ms", "ttfr_ms", "ttft_ms", "ttfo_ms", "latency_ms"),
    *("total_ms", "tpot_ms"),
)
DIVIDED_MS = ("reasoning_ms", "answer_ms")
#: How well the last call was seen, all null where the client's own error was not observed.
OBSERVED = ("stamps", "send_ms", "ttfo_error_ms", "latency_error_ms", "max_lag_ms", "n_coalesced", "ttft_error_ms")
TIMING = (
    *("intended_at_utc", *TIMES_MS, "n_deltas", "n_reads", "connection_reused"),
    *(*DIVIDED_MS, *OBSERVED),
)
TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_OF_ANSWER = ("response_id", "model_reported", "effort_reported")


def trial_lines(run: RunRecord) -> Iterator[dict[str, Json]]:
    """Every planned trial once in the order of the plan, then the warm-up trials that were sent."""
    arms = {arm.arm_id: arm for arm in run.plan.arms}
    for phase in (Phase.MEASURED, Phase.WARMUP):
        for trial in run.plan.trials:
            result = run.results.get(trial.trial_id)
            if trial.phase is phase and result is not None:
                yield _line(run.manifest.run_id, trial, arms[trial.arm_id], result)


def _line(run_id: str, trial: Trial, arm: Arm, result: TrialResult) -> dict[str, Json]:
    subject = [call for call in result.calls if call.purpose is Purpose.SUBJECT]
    line = {
        "run_id": run_id,
        "trial_id": trial.trial_id,
        "case_id": trial.case_id,
        "arm_id": trial.arm_id,
        "arm": dict(arm.key),
        "repeat_index": trial.repeat_index,
        "phase": trial.phase.value,
        "step": trial.step,
        "status": result.status.value,
        "failure": None if result.failure is None else asdict(result.failure),
        "pending_reason": result.pending_reason and result.pending_reason.value,
        "anomalies": list(result.anomalies),
        **_exchange(subject),
        "cost_usd": result.cost_usd,
        "judge_cost_usd": _judge_cost_usd(result),
        "scores": {
            grader_id: {
                "value": score.value,
                "passed": score.passed,
                "reason": score.reason,
                "grader": score.grader,
            }
            for grader_id, score in result.scores.items()
        },
    }
    ordered = {key: line[key] for key in KEYS}
    if len(subject) > 1:
        ordered["calls"] = [
            {"turn_index": call.turn_index, "status": call.status.value, "cost_usd": call.cost_usd, **_exchange([call])}
            for call in subject
        ]
    return ordered


def _exchange(calls: Sequence[Call]) -> dict[str, Json]:
    """What was asked and answered: usage summed over ``calls``, the rest of the last one; all null without a call.

    A failed call has no output: what it sent before it broke off is no answer, and an empty text would look like one.
    """
    last = calls[-1] if calls else None
    answered = last is not None and last.status is not Status.ERROR
    answer = last.answer if last is not None else None
    measured = measure_calls(calls)
    return {
        "request": None if last is None else last.request,
        "request_id": _request_id(last),
        **{name: answer and getattr(answer, name) for name in _OF_ANSWER},
        "output_text": answer.text if answer and answered else None,
        "refusal": answer and answer.refusal,
        "reasoning_summary": answer and answer.reasoning_summary,
        "tool_calls": [asdict(tool_call) for tool_call in answer.tool_calls] if answer else [],
        "stop_reason": answer and answer.stop_reason,
        "usage": _usage(calls, measured),
        "timing": _timing(calls, measured),
        "attempts": [_attempt(attempt) for call in calls for attempt in call.attempts],
    }


def _request_id(call: Call | None) -> str | None:
    """The service's id of the attempt that ended the call."""
    return call.last_attempt.request_id if call and call.attempts else None


def _usage(calls: Sequence[Call], measured: Mapping[str, float | None]) -> dict[str, Json] | None:
    sources = [call.usage.source for call in calls if call.usage is not None]
    if not sources:
        return None
    counts = {name: measured[name] for name in TOKENS}
    return {
        **{name: None if count is None else round(count) for name, count in counts.items()},
        "source": sources[-1],
    }


def _timing(calls: Sequence[Call], measured: Mapping[str, float | None]) -> dict[str, Json]:
    attempt = calls[-1].last_attempt if calls and calls[-1].attempts else None
    timing = {
        "intended_at_utc": utc_text(calls[0].intended_utc_ns) if calls else None,
        **{name: measured[name] for name in (*TIMES_MS, *DIVIDED_MS)},
        "n_deltas": None if attempt is None else attempt.n_deltas,
        "n_reads": None if attempt is None else attempt.n_reads,
        "connection_reused": None if attempt is None else attempt.connection_reused,
        **_observed(calls, None if attempt is None else attempt.observed),
    }
    return {name: timing[name] for name in TIMING}


def _observed(calls: Sequence[Call], seen: Observed | None) -> dict[str, Json]:
    if seen is None:
        return dict.fromkeys(OBSERVED)
    bounds = error_bounds_ms(calls)
    return {
        "stamps": seen.source.value,
        "send_ms": seen.send_ns / NS_PER_MS,
        "ttfo_error_ms": bounds["ttfo_ms"],
        "latency_error_ms": bounds["latency_ms"],
        "max_lag_ms": seen.max_lag_ns / NS_PER_MS,
        "n_coalesced": seen.n_coalesced,
        "ttft_error_ms": bounds["ttft_ms"],
    }


def _attempt(attempt: Attempt) -> dict[str, Json]:
    """``latency_ms`` of an attempt without a terminal event runs until it was given up."""
    stamps = attempt.stamps
    end_ns = stamps.closed_ns if stamps.done_ns is None else stamps.done_ns
    return {
        "index": attempt.index,
        "status": attempt.status.value,
        "http_status": attempt.http_status,
        "failure": None if attempt.failure is None else asdict(attempt.failure),
        "latency_ms": ms_between(stamps.sent_ns, end_ns),
    }


def _judge_cost_usd(result: TrialResult) -> float | None:
    """None without a judge, and where one judge's price is not known: part of a sum would look like all of it."""
    costs = [call.cost_usd for call in result.calls if call.purpose is Purpose.JUDGE]
    return None if not costs or None in costs else sum(cost for cost in costs if cost is not None)
