"""What a dialect has to understand of a body; the rest of the way from bytes to ``Decoded`` is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from evalharness.core.model import Json
from evalharness.wire.notes import Outcome
from evalharness.wire.sse import SseEvent
from evalharness.wire.strict_json import parse_json

#: Keys and indexes from a message down to one of its values.
Path: TypeAlias = tuple[str | int, ...]


class StreamEvent(NamedTuple):
    """``name`` is the ``event:`` line, for messages that do not say what they are; ``message`` None: empty data."""

    name: str
    message: Json


def stream_event(event: SseEvent) -> StreamEvent:
    """Raises ``MalformedJsonError``."""
    message = None if event.data.isspace() or not event.data else parse_json(event.data)
    return StreamEvent(event.name.decode("utf-8", "backslashreplace"), message)


class DeltaShape(NamedTuple):
    """What makes an event one of many: where its text is, and the top-level field in which the service counts its
    events (None: it does not). Whatever else is in the event is the same in those that follow it."""

    text: Path
    number: str | None = None


class Reader(Protocol):
    """One dialect's understanding of one exchange. What takes text in may raise ``OutputTooLargeError``."""

    @property
    def next_number(self) -> int | None:
        """What the next event's number has to be. None: nothing has been numbered yet."""
        ...

    def event(self, at_ns: int, event: StreamEvent) -> None: ...

    def delta_shape(self, event: StreamEvent) -> DeltaShape | None:
        """Asked after ``event``. None: it is no delta, or one that means more than its text."""
        ...

    def more_deltas(self, like: StreamEvent, texts: Sequence[str], stamps_ns: Sequence[int]) -> None:
        """Events that are ``like`` an event taken before, which had a shape, but for their texts and their numbers;
        these count on from ``next_number``. The same as ``event`` for each of them.

        Raises ``OutputTooLargeError`` before it has taken any of them.
        """
        ...

    def body(self, message: Json) -> Outcome | None:
        """A whole body that was not streamed. None: it is nothing this dialect knows."""
        ...

    def outcome(self) -> Outcome | None:
        """None as long as no terminal event came."""
        ...

    def partial_text(self) -> str: ...
