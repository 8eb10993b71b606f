"""The events of a Responses stream: which are known, what each adds, and what the terminal one makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from evalharness.core.failure import Failure
from evalharness.core.model import Json, Status
from evalharness.core.record import Answer
from evalharness.wire.anomalies import Anomaly
from evalharness.wire.failures import ErrorObject, error_object, event_failure
from evalharness.wire.notes import Notes, Outcome
from evalharness.wire.pieces import Pieces, check_output
from evalharness.wire.reader import DeltaShape, StreamEvent
from evalharness.wire.responses_object import has_content, output_items, read_answer, read_response
from evalharness.wire.settings import CodecSettings


class Part(Enum):
    """What a delta belongs to. SHELL is visible output too, but no tool call of ``Answer``."""

    TEXT = "text"
    REFUSAL = "refusal"
    TOOL = "tool"
    SHELL = "shell"
    REASONING = "reasoning"


_DELTAS: Mapping[str, Part] = {
    "response.output_text.delta": Part.TEXT,
    "response.refusal.delta": Part.REFUSAL,
    "response.function_call_arguments.delta": Part.TOOL,
    "response.custom_tool_call_input.delta": Part.TOOL,
    "response.mcp_call_arguments.delta": Part.TOOL,
    "response.code_interpreter_call_code.delta": Part.TOOL,
    "response.shell_call_command.delta": Part.SHELL,
    "response.reasoning_summary_text.delta": Part.REASONING,
    "response.reasoning_text.delta": Part.REASONING,
    "response.reasoning.delta": Part.REASONING,
}

#: The field of a finished part that shows visible output.
_FINISHED: Mapping[str, str] = {
    "response.output_text.done": "text",
    "response.refusal.done": "refusal",
    "response.function_call_arguments.done": "arguments",
    "response.custom_tool_call_input.done": "input",
    "response.mcp_call_arguments.done": "arguments",
    "response.code_interpreter_call_code.done": "code",
    "response.shell_call_command.done": "command",
}

_TERMINAL: Mapping[str, str] = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
}

_STAGES: Mapping[str, tuple[str, ...]] = {
    "audio": ("delta", "done"),
    "audio.transcript": ("delta", "done"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "compaction": ("compacting",),
    "content_part": ("added", "done"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "image_generation_call": ("in_progress", "generating", "partial_image", "completed"),
    "mcp_call": ("in_progress", "completed", "failed"),
    "mcp_list_tools": ("in_progress", "completed", "failed"),
    "output_text.annotation": ("added",),
    "reasoning": ("done",),
    "reasoning_summary_part": ("added", "done"),
    "reasoning_summary_text": ("done",),
    "reasoning_text": ("done",),
    "shell_call_command": ("added",),
    "shell_call_output_content": ("delta", "done"),
    "web_search_call": ("in_progress", "searching", "completed"),
}

_MAX_NUMBER = 2**63
_SNAPSHOTS = frozenset({"response.created", "response.queued", "response.in_progress"})
_ITEM_ADDED = "response.output_item.added"
_ITEM_DONE = "response.output_item.done"

#: Every event type that is understood. The rest is counted by name and otherwise ignored.
KNOWN_EVENTS = frozenset(
    {
        *_DELTAS,
        *_FINISHED,
        *_TERMINAL,
        *_SNAPSHOTS,
        *(f"response.{subject}.{stage}" for subject, stages in _STAGES.items() for stage in stages),
        _ITEM_ADDED,
        _ITEM_DONE,
        "error",
    }
)


class ResponsesReader:
    """Implements ``Reader``. Deltas are evidence and clockwork; the answer is what the terminal event says."""

    def __init__(self, notes: Notes, settings: CodecSettings, *, http_status: int) -> None:
        self._notes = notes
        self._settings = settings
        self._http_status = http_status
        self._pieces: Pieces[Part] = Pieces(settings.limits.max_output_bytes)
        self._done_items: list[tuple[int, Mapping[str, Json]]] = []
        self._snapshot: Mapping[str, Json] = {}
        self._last_number: int | None = None
        self._last_kind = ""
        self._error: Failure | None = None
        self._outcome: Outcome | None = None

    def event(self, at_ns: int, event: StreamEvent) -> None:
        message = event.message
        if not isinstance(message, dict):
            self._notes.saw_unknown("(no object)")
            return
        kind = self._last_kind = _kind(event.name, message)
        if self._outcome is not None:
            self._notes.odd(Anomaly.EVENT_AFTER_END)
            return
        self._check_number(message.get("sequence_number"))
        if kind in _DELTAS:
            self._delta(at_ns, _DELTAS[kind], message)
        elif kind in _TERMINAL:
            self._end(at_ns, _TERMINAL[kind], message)
        elif kind == "error":
            self._error = self._error or self._failure(message)
        elif kind in KNOWN_EVENTS:
            self._other(at_ns, kind, message)
        else:
            self._notes.saw_unknown(kind or "(no type)")

    def _check_number(self, number: Json) -> None:
        if not _is_number(number):
            return
        if self._last_number is not None and number != self._last_number + 1:
            self._notes.odd(Anomaly.SEQUENCE)
        self._last_number = number

    def _delta(self, at_ns: int, part: Part, message: Mapping[str, Json]) -> None:
        delta = message.get("delta")
        if not isinstance(delta, str) or not delta:
            return
        self._stamp(part, [at_ns])
        self._pieces.add(part, _place(message), [delta])

    def _stamp(self, part: Part, stamps_ns: Sequence[int]) -> None:
        if part is Part.REASONING:
            self._notes.saw_reasoning(stamps_ns[0])
        else:
            self._notes.saw_output(stamps_ns)

    @property
    def next_number(self) -> int | None:
        # Python refuses to write numbers of thousands of digits, which a service may well have sent.
        return None if self._last_number is None or abs(self._last_number) > _MAX_NUMBER else self._last_number + 1

    def delta_shape(self, event: StreamEvent) -> DeltaShape | None:
        message = event.message
        if self._last_kind not in _DELTAS or not isinstance(message, dict) or not isinstance(message.get("delta"), str):
            return None
        number = message.get("sequence_number")
        if not _is_number(number):
            return DeltaShape(("delta",))
        can_go_on = number == self._last_number and self.next_number is not None
        return DeltaShape(("delta",), "sequence_number") if can_go_on else None

    def more_deltas(self, like: StreamEvent, texts: Sequence[str], stamps_ns: Sequence[int]) -> None:
        if self._outcome is not None:
            self._notes.odd(Anomaly.EVENT_AFTER_END)
            return
        part = _DELTAS[_kind(like.name, like.message)]
        written_ns = [at_ns for text, at_ns in zip(texts, stamps_ns, strict=True) if text]
        if written_ns:
            self._pieces.add(part, _place(like.message), texts)
            self._stamp(part, written_ns)
        if self._last_number is not None and _is_number(like.message.get("sequence_number")):
            self._last_number += len(texts)

    def _other(self, at_ns: int, kind: str, message: Mapping[str, Json]) -> None:
        item = message.get("item")
        if kind in _SNAPSHOTS and isinstance(message.get("response"), dict):
            self._snapshot = message["response"]
        elif kind in _FINISHED and message.get(_FINISHED[kind]):
            self._notes.saw_finished_part(at_ns)
        elif kind == _ITEM_DONE and isinstance(item, dict):
            index = message.get("output_index")
            # Servers without output_index send items in order.
            place = index if isinstance(index, int) else len(self._done_items)
            self._done_items.append((place, item))
            if has_content(item):
                self._notes.saw_finished_part(at_ns)

    def _end(self, at_ns: int, ended_as: str, message: Mapping[str, Json]) -> None:
        response = message.get("response")
        response = response if isinstance(response, dict) else {}
        if ended_as != "failed" and not output_items(response):
            response = self._with_output(response)
        outcome = read_response(
            {**_identity(self._snapshot), **response},
            ended_as=ended_as,
            notes=self._notes,
            settings=self._settings,
            http_status=self._http_status,
        )
        if outcome.status is not Status.ERROR:
            self._compare(outcome.answer)
        self._outcome = outcome
        self._notes.stream_ended(at_ns, outcome.answer)
        self._check(outcome.answer)

    def _check(self, answer: Answer) -> None:
        texts = (answer.text, answer.refusal, answer.reasoning_summary)
        check_output(texts, self._settings.limits.max_output_bytes)

    def _with_output(self, response: Mapping[str, Json]) -> Mapping[str, Json]:
        """The response with the items that were finished before it, or else a message made of the deltas."""
        items = [item for _, item in sorted(self._done_items, key=lambda entry: entry[0])]
        if not items:
            items = _message(self._pieces.text(Part.TEXT), self._pieces.text(Part.REFUSAL))
        if items:
            self._notes.odd(Anomaly.FINAL_EMPTY)
        return {**response, "output": items}

    def _compare(self, answer: Answer) -> None:
        final = {
            Part.TEXT: answer.text,
            Part.REFUSAL: answer.refusal or "",
            Part.TOOL: "".join(call.arguments for call in answer.tool_calls),
        }
        for part, text in final.items():
            if self._pieces.has(part) and self._pieces.text(part) != text:
                self._notes.odd(Anomaly.DELTAS_DIFFER)

    def _failure(self, message: Mapping[str, Json]) -> Failure:
        error = error_object(message) or ErrorObject(message="an error event without a message")
        return event_failure(error, http_status=self._http_status, secrets=self._settings.secrets)

    def body(self, message: Json) -> Outcome | None:
        if not isinstance(message, dict):
            return None
        if not (isinstance(message.get("output"), list) or message.get("object") == "response"):
            return None
        outcome = read_response(
            message, ended_as=None, notes=self._notes, settings=self._settings, http_status=self._http_status
        )
        self._check(outcome.answer)
        return outcome

    def outcome(self) -> Outcome | None:
        """An error event is final too: what follows it can add whose response it was and what it cost."""
        if self._error is None:
            return self._outcome
        ended = self._outcome
        answer = ended.answer if ended else read_answer(self._snapshot, stop_reason=None)
        return Outcome(status=Status.ERROR, answer=answer, usage=ended.usage if ended else None, failure=self._error)

    def partial_text(self) -> str:
        return self._pieces.text(Part.TEXT)


def _kind(name: str, message: Mapping[str, Json]) -> str:
    """By the JSON's own ``type``; by its shape or the ``event:`` line only where that says nothing.

    An event of the API that is not known yet may well carry an error of its own: it is unknown, not the end.
    """
    kind = message.get("type")
    kind = kind if isinstance(kind, str) else ""
    if kind in KNOWN_EVENTS or kind.startswith("response."):
        return kind
    if isinstance(message.get("error"), dict | str):
        return "error"
    return kind or name


def _is_number(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _place(message: Mapping[str, Json]) -> tuple[Json, ...]:
    """Where in the output a delta belongs; servers that say nothing about it have one place."""
    return tuple(
        message.get(name)
        for name in ("output_index", "item_id", "content_index", "summary_index", "command_index")
        if isinstance(message.get(name), int | str)
    )


def _identity(snapshot: Mapping[str, Json]) -> dict[str, Json]:
    """What an earlier snapshot says about the response that a bare terminal event may leave out."""
    return {name: snapshot[name] for name in ("id", "model", "reasoning", "service_tier") if snapshot.get(name)}


def _message(text: str, refusal: str) -> list[Mapping[str, Json]]:
    content: list[Mapping[str, Json]] = []
    if text:
        content.append({"type": "output_text", "text": text})
    if refusal:
        content.append({"type": "refusal", "refusal": refusal})
    return [{"type": "message", "role": "assistant", "content": content}] if content else []
