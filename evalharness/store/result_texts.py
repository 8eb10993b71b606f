"""What is text of a trial result, as JSON beside its numbers.

What is missing is not written: most of these are empty in most results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from evalharness.core.failure import Failure
from evalharness.core.model import Json
from evalharness.core.record import Attempt, Call, TrialResult, Usage
from evalharness.store.cells import TextCell, text_of

#: Few different ones in a run: one object each in memory.
REPORTED = ("stop_reason", "model_reported", "effort_reported", "tier_reported")
TEXTS = ("text", "refusal", "reasoning_summary", "response_id")
USUAL_SOURCE = Usage().source
_OWN = re.compile(b',"(?:%s)":' % "|".join((*TEXTS, "tool_calls", "items", "request")).encode())
_FIRST_OF_EARLIER = b'[{"request":'
#: Of so many different heads each new text is compared with all; a run has a few for each arm.
_MOST_SEEN = 20
_decoder = json.JSONDecoder()


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
    """``request``: the number of the body in its table. What few calls have of their own comes first: ``heads_of``."""
    answer, attempts = call.answer, [_attempt_texts(attempt) for attempt in call.attempts]
    return _filled(
        {
            **{name: getattr(answer, name) for name in REPORTED},
            "usage_source": _usage_source(call.usage),
            "failure": _failure_texts(call.failure),
            "anomalies": call.anomalies,
            **{name: getattr(answer, name) for name in TEXTS},
            "tool_calls": [asdict(tool_call) for tool_call in answer.tool_calls],
            "items": answer.items,
            "request": request,
            "attempts": attempts if any(attempts) else None,
        }
    )


def heads_of(cells: bytes | bytearray, bounds: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """The text of each single call as far as it is the same in most results of a run, closed so that it can be
    decoded; the whole where it has no such part, as in runs of earlier versions.

    Each cell is ``cells[start:end]``. A quote inside a JSON string is escaped, so that no answer can end its own head.
    """
    seen: dict[bytes, bytes] = {}  # how a cell begins, the name of its first own text included, and its head
    for start, end in bounds:
        for beginning, head in seen.items():
            if cells.startswith(beginning, start, end):
                yield head
                break
        else:
            own = None if cells.startswith(_FIRST_OF_EARLIER, start, end) else _OWN.search(cells, start, end)
            head = bytes(cells[start:end]) if own is None else bytes(cells[start : own.start()]) + b"}]"
            if own is not None and len(seen) < _MOST_SEEN:
                seen[bytes(cells[start : own.end()])] = head
            yield head


def answer_text(calls: TextCell) -> str:
    """``metrics.columns.answer_text`` from the texts of a result's calls."""
    texts = decoded(calls)
    if not texts:
        return ""
    call = texts[-1]
    attempts = call.get("attempts")
    partial = attempts[-1].get("partial_text") if attempts else None
    return call.get("text") or call.get("refusal") or partial or ""


def decoded(cell: TextCell) -> Any:
    """``cells.json_of`` of what the store wrote, without the checks of ``json.loads``: those take as long as a short
    text does."""
    text = text_of(cell)
    return None if text is None else _decoder.raw_decode(text)[0]


def _usage_source(usage: Usage | None) -> str | None:
    """Only where it is not the usual one, or the numbers have no count to show that there was a usage."""
    return None if usage is None or (usage.source == USUAL_SOURCE and usage != Usage()) else usage.source


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
