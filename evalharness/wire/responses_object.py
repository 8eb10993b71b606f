"""A response object, as the terminal event or a body that was not streamed carries it, read into core's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Json, Status
from evalharness.core.record import Answer, ToolCall
from evalharness.wire.anomalies import Anomaly
from evalharness.wire.failures import ErrorObject, error_object, event_failure
from evalharness.wire.notes import Notes, Outcome
from evalharness.wire.settings import CodecSettings
from evalharness.wire.usage import RESPONSES_NAMES, read_usage

#: Item type -> the field that holds what the model wrote for the tool, and the name of a tool that has none.
TOOL_ITEMS: Mapping[str, tuple[str, str]] = {
    "function_call": ("arguments", ""),
    "custom_tool_call": ("input", ""),
    "mcp_call": ("arguments", ""),
    "code_interpreter_call": ("code", "code_interpreter"),
}


def read_response(
    response: Mapping[str, Json], *, ended_as: str | None, notes: Notes, settings: CodecSettings, http_status: int
) -> Outcome:
    """``ended_as`` is the status the terminal event names, None for a body. The object's own status wins over it, but
    failed is failed, whoever says it.

    A response without a status was seen from servers that send nothing but the output: it counts as completed.
    """
    status = _status(response, ended_as, notes)
    answer = read_answer(response, stop_reason=_stop_reason(response, status, notes))
    usage, oddities = read_usage(response.get("usage"), RESPONSES_NAMES)
    notes.odd(*oddities)
    if status == "completed":
        return Outcome(status=Status.REFUSED if answer.refusal else Status.OK, answer=answer, usage=usage)
    if status == "incomplete":
        return Outcome(status=Status.INCOMPLETE, answer=answer, usage=usage)
    return Outcome(
        status=Status.ERROR,
        # Whose it was and what model, but no text: what a failed response holds is no answer.
        answer=read_answer({**response, "output": []}, stop_reason=None),
        usage=usage,
        failure=_failure(response, status, settings=settings, http_status=http_status),
    )


def _status(response: Mapping[str, Json], ended_as: str | None, notes: Notes) -> str:
    status = response.get("status")
    if not isinstance(status, str):
        if ended_as is None:
            notes.odd(Anomaly.NO_STATUS)
        return ended_as or "completed"
    if ended_as is not None and status != ended_as:
        notes.odd(Anomaly.STATUS_DIFFERS)
        if ended_as == "failed":
            # What one of the two calls failed is no answer.
            return ended_as
        # An event that ends the stream outweighs a snapshot that still says in_progress.
        return status if status in ("completed", "incomplete", "failed", "cancelled") else ended_as
    return status


def _stop_reason(response: Mapping[str, Json], status: str, notes: Notes) -> str | None:
    if status == "completed":
        return "completed"
    if status != "incomplete":
        return None
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    if isinstance(reason, str) and reason:
        return reason
    notes.odd(Anomaly.NO_INCOMPLETE_REASON)
    return "unknown"


def _failure(response: Mapping[str, Json], status: str, *, settings: CodecSettings, http_status: int) -> Failure:
    if status == "failed":
        error = error_object(response) or ErrorObject(message="the response failed without saying why")
        return event_failure(error, http_status=http_status, secrets=settings.secrets)
    if status == "cancelled":
        return Failure(
            kind=FailureKind.CANCELLED, message="the service cancelled the response", http_status=http_status
        )
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"the body is a response that has not ended (status {status[:40]!r})",
        http_status=http_status,
    )


def read_answer(response: Mapping[str, Json], *, stop_reason: str | None) -> Answer:
    """Text, refusal, reasoning and tool calls apart. ``items`` are the output items as sent.

    ``reasoning_summary`` is the summary where there is one, else the reasoning text of models that show it.
    """
    items = output_items(response)
    reasoning = response.get("reasoning")
    return Answer(
        text="".join(_content(items, "output_text", "text")),
        refusal="".join(_content(items, "refusal", "refusal")) or None,
        reasoning_summary=_reasoning(items, "summary") or _reasoning(items, "content") or None,
        tool_calls=tuple(_tool_calls(items)),
        items=tuple(items),
        stop_reason=stop_reason,
        response_id=_text(response.get("id")),
        model_reported=_text(response.get("model")),
        effort_reported=_text(reasoning.get("effort")) if isinstance(reasoning, dict) else None,
        tier_reported=_text(response.get("service_tier")),
    )


def output_items(response: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    output = response.get("output")
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []


def _content(items: Sequence[Mapping[str, Json]], part_type: str, field: str) -> Iterator[str]:
    """The texts of one kind of part in all messages. A content that is a plain string is an output text."""
    for item in items:
        if item.get("type", "message") != "message":
            continue
        content = item.get("content")
        if isinstance(content, str) and part_type == "output_text":
            yield content
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == part_type and isinstance(part.get(field), str):
                yield part[field]


def _reasoning(items: Sequence[Mapping[str, Json]], field: str) -> str:
    paragraphs = []
    for item in items:
        parts = item.get(field) if item.get("type") == "reasoning" else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"]:
                paragraphs.append(part["text"])
    return "\n\n".join(paragraphs)


def _tool_calls(items: Sequence[Mapping[str, Json]]) -> Iterator[ToolCall]:
    for item in items:
        kind = item.get("type")
        if not isinstance(kind, str) or kind not in TOOL_ITEMS:
            continue
        field, name = TOOL_ITEMS[kind]
        yield ToolCall(
            type=kind,
            name=_text(item.get("name")) or name,
            arguments=_text(item.get(field)) or "",
            call_id=_text(item.get("call_id")) or _text(item.get("id")),
        )


def has_content(item: Mapping[str, Json]) -> bool:
    """Whether a finished item shows visible output, so that it can stand for the first of it."""
    items = [item]
    return (
        any(_content(items, "output_text", "text"))
        or any(_content(items, "refusal", "refusal"))
        or any(_tool_calls(items))
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
