"""What is text of a trial result, as JSON beside its numbers, and a result put together from both.

What is missing is not written: most of these are empty in most results.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import Json
from evalharness.core.record import Answer, Attempt, Call, Score, ToolCall, TrialResult, Usage
from evalharness.store.numbers import Unpacked

#: Few different ones in a run: one object each in memory.
_REPORTED = ("stop_reason", "model_reported", "effort_reported", "tier_reported")
_TEXTS = ("text", "refusal", "reasoning_summary", "response_id")
_USUAL_SOURCE = Usage().source

# ---------------------------------------------------------------- writing


def remarks_of(result: TrialResult) -> dict[str, Json]:
    """What is said of the trial and its scores; nothing of nearly all."""
    reasons = {place: score.reason for place, score in enumerate(result.scores.values()) if score.reason is not None}
    return _filled(
        {
            "failure": _failure_texts(result.failure),
            "pending_reason": result.pending_reason and result.pending_reason.value,
            "anomalies": result.anomalies,
            "reasons": reasons,
        }
    )


def texts_of(call: Call, request: int) -> dict[str, Json]:
    """``request``: the number of the body in its table."""
    answer, attempts = call.answer, [_attempt_texts(attempt) for attempt in call.attempts]
    return _filled(
        {
            "request": request,
            **{name: getattr(answer, name) for name in (*_TEXTS, *_REPORTED)},
            "tool_calls": [asdict(tool_call) for tool_call in answer.tool_calls],
            "items": answer.items,
            "usage_source": _usage_source(call.usage),
            "failure": _failure_texts(call.failure),
            "anomalies": call.anomalies,
            "attempts": attempts if any(attempts) else None,
        }
    )


def _usage_source(usage: Usage | None) -> str | None:
    """Only where it is not the usual one, or the numbers have no count to show that there was a usage."""
    return None if usage is None or (usage.source == _USUAL_SOURCE and usage != Usage()) else usage.source


def _attempt_texts(attempt: Attempt) -> dict[str, Json]:
    return _filled(
        {
            "request_id": attempt.request_id,
            "failure": _failure_texts(attempt.failure),
            "unknown_events": attempt.unknown_events,
            "partial_text": attempt.partial_text,
        }
    )


def _failure_texts(failure: Failure | None) -> dict[str, Json] | None:
    return None if failure is None else _filled(asdict(failure))


def _filled(fields: Mapping[str, Any]) -> dict[str, Json]:
    """Without what is missing. An empty text is there; an empty list says no more than none."""
    return {name: value for name, value in fields.items() if value or isinstance(value, (str, bool, int, float))}


# ---------------------------------------------------------------- reading


def calls_from(
    unpacked: Unpacked, texts: list[dict[str, Any]], bodies: Mapping[int, Mapping[str, Json]]
) -> tuple[Call, ...]:
    """The calls of a result. Raises ``ValueError``, ``KeyError`` or ``TypeError`` where the two do not fit."""
    pairs = zip(unpacked.calls, texts, strict=True)
    return tuple(_call(counted, said, attempts, bodies) for (counted, attempts), said in pairs)


def _call(
    counted: dict[str, Any],
    said: dict[str, Any],
    attempts: list[dict[str, Any]],
    bodies: Mapping[int, Mapping[str, Json]],
) -> Call:
    """``counted``: the fields of the call that are numbers; ``said``: those that are text."""
    attempts_said = said.get("attempts") or [{}] * len(attempts)
    return Call(
        **counted | {"usage": _usage(counted["usage"], said.get("usage_source"))},
        request=bodies[said["request"]],
        attempts=tuple(map(_attempt, attempts, attempts_said)),
        answer=_answer(said),
        failure=failure_from(said.get("failure")),
        anomalies=tuple(said.get("anomalies", ())),
    )


def _usage(counts: dict[str, int | None] | None, source: str | None) -> Usage | None:
    if counts is None and source is None:
        return None
    return Usage(**counts or {}, source=_USUAL_SOURCE if source is None else source)


def _answer(said: dict[str, Any]) -> Answer:
    texts: dict[str, Any] = {name: said[name] for name in _TEXTS if name in said}
    texts |= {name: sys.intern(said[name]) for name in _REPORTED if name in said}
    return Answer(
        **texts,
        tool_calls=tuple(ToolCall(**sent) for sent in said.get("tool_calls", ())),
        items=tuple(said.get("items", ())),
    )


def _attempt(counted: dict[str, Any], said: dict[str, Any]) -> Attempt:
    return Attempt(
        **counted,
        failure=failure_from(said.get("failure")),
        unknown_events=said.get("unknown_events", {}),
        request_id=said.get("request_id"),
        partial_text=said.get("partial_text"),
    )


def scores_from(
    unpacked: Unpacked, reasons: Mapping[str, str], graders: Mapping[int, tuple[str, str]]
) -> dict[str, Score]:
    """By grader id, in the order in which they were given."""
    scores: dict[str, Score] = {}
    for place, (number, judged) in enumerate(unpacked.scores):
        grader_id, grader = graders[number]
        scores[grader_id] = Score(grader=grader, reason=reasons.get(str(place)), **judged)
    return scores


def failure_from(said: dict[str, Any] | None) -> Failure | None:
    if said is None:
        return None
    clock = said.get("clock")
    return Failure(**said | {"kind": FailureKind(said["kind"]), "clock": clock and Clock(clock)})
