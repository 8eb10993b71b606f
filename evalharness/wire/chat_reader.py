"""Chunks of a chat completion, and whole completions, read into core's types.

When a chat stream is complete: the chunk with ``finish_reason`` ends the answer, as the terminal event does in the
Responses API. Usage follows it, then ``[DONE]``; a stream that ends between the two has its answer, without usage. A
stream without ``finish_reason`` is cut, whether or not ``[DONE]`` came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from evalharness.core.failure import Failure
from evalharness.core.model import Json, Status
from evalharness.core.record import Answer, ToolCall
from evalharness.wire.anomalies import Anomaly
from evalharness.wire.failures import ErrorObject, error_object, event_failure
from evalharness.wire.notes import Notes, Outcome
from evalharness.wire.pieces import Pieces, check_output
from evalharness.wire.reader import DeltaShape, Path, StreamEvent
from evalharness.wire.settings import CodecSettings
from evalharness.wire.usage import CHAT_NAMES, read_usage

#: What ``finish_reason`` says of an answer that is whole, and why one is not.
_COMPLETED = frozenset({"stop", "tool_calls", "function_call"})
_INCOMPLETE: Mapping[str, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
_CALL_TYPES: Mapping[str, str] = {"function": "function_call", "custom": "custom_tool_call"}


class Part(Enum):
    TEXT = "text"
    REFUSAL = "refusal"
    REASONING = "reasoning"
    ARGUMENTS = "arguments"


#: Reasoning has two spellings: llama.cpp, vLLM and others; newer vLLM and routers. The first with a text counts.
_TEXT_FIELDS: tuple[tuple[str, Part], ...] = (
    ("reasoning_content", Part.REASONING),
    ("reasoning", Part.REASONING),
    ("content", Part.TEXT),
    ("refusal", Part.REFUSAL),
)


@dataclass(slots=True, kw_only=True)
class _Call:
    """A tool call while its pieces arrive; names and ids come in its first one."""

    type: str
    name: str = ""
    call_id: str | None = None


class _CallPiece(NamedTuple):
    """One entry of ``tool_calls``: where it stands, which call it belongs to, and what it says of it."""

    position: int
    call: str
    kind: str
    fields: Mapping[str, Json]
    inner: Mapping[str, Json]


class _Written(NamedTuple):
    """A text that a delta adds, with its path in the delta. ``place``: the call it belongs to."""

    part: Part
    place: str | None
    path: Path
    text: str


class ChatReader:
    """Implements ``Reader``."""

    def __init__(self, notes: Notes, settings: CodecSettings, *, http_status: int) -> None:
        self._notes = notes
        self._settings = settings
        self._http_status = http_status
        self._pieces: Pieces[Part] = Pieces(settings.limits.max_output_bytes)
        self._calls: dict[str, _Call] = {}
        self._identity: dict[str, Json] = {}
        self._usage: Json = None
        self._finish: str | None = None
        self._error: Failure | None = None

    def event(self, at_ns: int, event: StreamEvent) -> None:
        message = event.message
        if not isinstance(message, dict):
            self._notes.saw_unknown("(no object)")
            return
        if isinstance(message.get("error"), dict | str):
            self._error = self._error or self._failure(message)
            return
        choices = message.get("choices")
        if not isinstance(choices, list):
            self._notes.saw_unknown(str(message.get("object") or message.get("type") or "(no type)"))
            return
        self._note_common(message)
        for choice in choices[:1]:
            if isinstance(choice, dict):
                self._choice(at_ns, choice)

    def _note_common(self, message: Mapping[str, Json]) -> None:
        for name in ("id", "model", "service_tier"):
            if message.get(name):
                self._identity[name] = message[name]
        if message.get("usage"):
            self._usage = message["usage"]

    def _choice(self, at_ns: int, choice: Mapping[str, Json]) -> None:
        if self._finish is not None:
            self._notes.odd(Anomaly.EVENT_AFTER_END)
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            reasoning, visible = self._absorb(delta)
            if reasoning:
                self._notes.saw_reasoning(at_ns)
            if visible:
                self._notes.saw_output([at_ns])
        if self._ends(choice):
            self._notes.stream_ended(at_ns, self._answer(stop_reason=None))

    def _ends(self, choice: Mapping[str, Json]) -> bool:
        self._finish = _text(choice.get("finish_reason")) or None
        if self._finish is None:
            return False
        check_output([self._pieces.text(Part.TEXT)], self._settings.limits.max_output_bytes)
        return True

    def _absorb(self, delta: Mapping[str, Json]) -> tuple[bool, bool]:
        """Takes a delta (or a whole message) in. Whether it held reasoning, and whether visible output: one chunk is
        one delta for the stamps, however many of its fields carry output."""
        for piece in _call_pieces(delta) if "tool_calls" in delta else ():
            call = self._calls.setdefault(piece.call, _Call(type=_CALL_TYPES[piece.kind]))
            call.call_id = call.call_id or _text(piece.fields.get("id"))
            call.name = call.name or _text(piece.inner.get("name")) or ""
        reasoning = visible = False
        for field in _written(delta):
            self._pieces.add(field.part, field.place, [field.text])
            reasoning |= field.part is Part.REASONING
            visible |= field.part is not Part.REASONING
        return reasoning, visible

    @property
    def next_number(self) -> None:
        """Chunks are not numbered."""

    def delta_shape(self, event: StreamEvent) -> DeltaShape | None:
        delta = _delta_of(event.message)
        written = _written(delta) if delta is not None else []
        # The chunk that ended the answer: nothing like it follows.
        if delta is None or self._finish is not None or len(written) != 1:
            return None
        # Where the first spelling is empty, the second would count.
        if all(_text(delta.get(name)) for name, part in _TEXT_FIELDS if part is Part.REASONING):
            return None
        return DeltaShape(("choices", 0, "delta", *written[0].path))

    def more_deltas(self, like: StreamEvent, texts: Sequence[str], stamps_ns: Sequence[int]) -> None:
        self._note_common(like.message)
        if self._finish is not None:
            self._notes.odd(Anomaly.EVENT_AFTER_END)
            return
        field, *_ = _written(like.message["choices"][0]["delta"])
        written_ns = [at_ns for text, at_ns in zip(texts, stamps_ns, strict=True) if text]
        if not written_ns:
            return
        self._pieces.add(field.part, field.place, texts)
        if field.part is Part.REASONING:
            self._notes.saw_reasoning(written_ns[0])
        else:
            self._notes.saw_output(written_ns)

    def _failure(self, message: Mapping[str, Json]) -> Failure:
        error = error_object(message) or ErrorObject()
        return event_failure(error, http_status=self._http_status, secrets=self._settings.secrets)

    def body(self, message: Json) -> Outcome | None:
        choices = message.get("choices") if isinstance(message, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return None
        whole = choices[0].get("message")
        if not isinstance(whole, dict):
            return None
        self._note_common(message)
        self._absorb(whole)
        if not self._ends(choices[0]):
            self._notes.odd(Anomaly.NO_STATUS)
            self._finish = "stop"
        return self.outcome()

    def outcome(self) -> Outcome | None:
        if self._error is not None:
            return Outcome(status=Status.ERROR, answer=self._whose(), failure=self._error)
        if self._finish is None:
            return None
        usage, oddities = read_usage(self._usage, CHAT_NAMES)
        self._notes.odd(*oddities)
        if self._finish in _COMPLETED:
            answer = self._answer(stop_reason="completed")
            return Outcome(status=Status.REFUSED if answer.refusal else Status.OK, answer=answer, usage=usage)
        if self._finish not in _INCOMPLETE:
            self._notes.odd(Anomaly.UNKNOWN_FINISH_REASON)
        answer = self._answer(stop_reason=_INCOMPLETE.get(self._finish, self._finish))
        return Outcome(status=Status.INCOMPLETE, answer=answer, usage=usage)

    def _answer(self, *, stop_reason: str | None) -> Answer:
        calls = tuple(
            ToolCall(type=call.type, name=call.name, call_id=call.call_id, arguments=self._arguments(index))
            for index, call in self._calls.items()
        )
        text, refusal = self._pieces.text(Part.TEXT), self._pieces.text(Part.REFUSAL)
        reasoning = self._pieces.text(Part.REASONING)
        return replace(
            self._whose(),
            text=text,
            refusal=refusal or None,
            reasoning_summary=reasoning or None,
            tool_calls=calls,
            items=tuple(_items(text, refusal, reasoning, calls)),
            stop_reason=stop_reason,
        )

    def _whose(self) -> Answer:
        """An answer that says who gave it and nothing else."""
        return Answer(
            response_id=_text(self._identity.get("id")),
            model_reported=_text(self._identity.get("model")),
            tier_reported=_text(self._identity.get("service_tier")),
        )

    def _arguments(self, index: str) -> str:
        return self._pieces.text_at(Part.ARGUMENTS, index)

    def partial_text(self) -> str:
        return self._pieces.text(Part.TEXT)


def _delta_of(message: Json) -> Mapping[str, Json] | None:
    """What the first choice of a chunk adds."""
    if not isinstance(message, dict) or isinstance(message.get("error"), dict | str):
        return None
    choices = message.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return delta if isinstance(delta, dict) else None


def _written(delta: Mapping[str, Json]) -> list[_Written]:
    """The texts of a delta that are not empty."""
    fields: dict[Part, _Written] = {}
    for name, part in _TEXT_FIELDS:
        text = _text(delta.get(name))
        if text and part not in fields:
            fields[part] = _Written(part, None, (name,), text)
    arguments = []
    for piece in _call_pieces(delta) if "tool_calls" in delta else ():
        name = "arguments" if piece.kind == "function" else "input"
        if text := _text(piece.inner.get(name)):
            arguments.append(
                _Written(Part.ARGUMENTS, piece.call, ("tool_calls", piece.position, piece.kind, name), text)
            )
    return [*fields.values(), *arguments]


def _call_pieces(delta: Mapping[str, Json]) -> Iterator[_CallPiece]:
    pieces = delta.get("tool_calls")
    for position, fields in enumerate(pieces if isinstance(pieces, list) else ()):
        if isinstance(fields, dict):
            kind = "custom" if fields.get("type") == "custom" or "custom" in fields else "function"
            inner = fields.get(kind)
            inner = inner if isinstance(inner, dict) else {}
            yield _CallPiece(position, str(fields.get("index", position)), kind, fields, inner)


def _items(text: str, refusal: str, reasoning: str, calls: tuple[ToolCall, ...]) -> Iterator[Json]:
    """The answer as output items of the Responses API, so that graders and tool loops see one shape."""
    if reasoning:
        yield {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": reasoning}]}
    content: list[Json] = []
    if text:
        content.append({"type": "output_text", "text": text, "annotations": []})
    if refusal:
        content.append({"type": "refusal", "refusal": refusal})
    if content:
        yield {"type": "message", "role": "assistant", "content": content}
    for call in calls:
        written = "arguments" if call.type == "function_call" else "input"
        yield {"type": call.type, "call_id": call.call_id, "name": call.name, written: call.arguments}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
