"""The way from bytes to a ``Decoded`` that both dialects share: which kind of body it is, events, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ports import Decoded, ResponseHead
from evalharness.wire.anomalies import Anomaly
from evalharness.wire.event_stream import EventStream
from evalharness.wire.failures import (
    MAX_EXCERPT_BYTES,
    error_object,
    excerpt,
    http_failure,
    looks_like_html,
    one_line,
)
from evalharness.wire.notes import Notes, Outcome, failed
from evalharness.wire.pieces import OutputTooLargeError
from evalharness.wire.reader import Reader
from evalharness.wire.redact import without_secrets
from evalharness.wire.runs_of_deltas import Outlines
from evalharness.wire.settings import CodecSettings
from evalharness.wire.strict_json import MalformedJsonError, parse_json

_ERROR_BODY_BYTES = 64 * 1024
#: More than an excerpt shows, so that a secret that lies across its end can be taken out first.
_OPENING_BYTES = 2 * MAX_EXCERPT_BYTES
_BLANK = b"\xef\xbb\xbf \t\r\n"


class _Body(Enum):
    UNDECIDED = "undecided"
    EVENTS = "events"
    WHOLE = "whole"
    ERROR = "error"


class BodyDecoder:
    """Implements the ``Decoder`` port. What the body is, its first byte decides: content types are often wrong."""

    def __init__(
        self,
        *,
        head: ResponseHead,
        stream: bool,
        reader: Reader,
        notes: Notes,
        settings: CodecSettings,
        outlines: Outlines,
    ) -> None:
        self._head = head
        self._stream = stream
        self._reader = reader
        self._notes = notes
        self._settings = settings
        self._kind = _Body.UNDECIDED if 200 <= head.status < 300 else _Body.ERROR
        self._events = EventStream(reader, notes, max_event_bytes=settings.max_event_bytes, outlines=outlines)
        self._whole = bytearray()
        self._opening = b""
        self._last_ns = 0

    def feed(self, at_ns: int, data: bytes) -> None:
        events = self._sort(at_ns, data)
        if events:
            self._events.feed(at_ns, events)

    def feed_reads(self, reads: Sequence[tuple[int, bytes]]) -> None:
        self._events.feed_reads([(at_ns, events) for at_ns, data in reads if (events := self._sort(at_ns, data))])

    def _sort(self, at_ns: int, data: bytes) -> bytes:
        """What of it belongs to an event stream; the rest is kept here."""
        self._last_ns = at_ns
        if len(self._opening) < _OPENING_BYTES:
            self._opening += data[: _OPENING_BYTES - len(self._opening)]
        if self._kind is _Body.UNDECIDED:
            data = self._decide(data)
        if self._kind is _Body.EVENTS:
            return data
        if self._kind is _Body.ERROR:
            self._whole += data[: _ERROR_BODY_BYTES - len(self._whole)]
        elif not self._is_too_large:
            self._whole += data
        return b""

    @property
    def _is_too_large(self) -> bool:
        return len(self._whole) > self._settings.max_event_bytes

    def _decide(self, data: bytes) -> bytes:
        """Blanks before the first byte that tells are dropped: they mean nothing in either kind."""
        significant = data.lstrip(_BLANK)
        if significant:
            self._kind = _Body.WHOLE if significant.startswith((b"{", b"[", b"<", b'"')) else _Body.EVENTS
        return significant

    def finish(self, transport_failure: Failure | None) -> Decoded:
        found = self._decoded(transport_failure)
        said = found.answer, found.failure, found.unknown_events, found.partial_text
        clean = without_secrets(said, self._settings.secrets)
        if clean is said:
            return found
        answer, failure, unknown_events, partial_text = clean
        return replace(
            found,
            answer=answer,
            failure=failure,
            unknown_events=unknown_events,
            partial_text=partial_text,
            anomalies=(*found.anomalies, Anomaly.KEY_ECHOED),
        )

    def _decoded(self, transport_failure: Failure | None) -> Decoded:
        outcome = self._outcome(transport_failure)
        if outcome.failure is None:
            return self._notes.decoded(outcome, partial_text=None)
        failure = replace(
            outcome.failure,
            http_status=outcome.failure.http_status or self._head.status,
            body_excerpt=excerpt(self._opening, self._settings.secrets) if self._opening else None,
        )
        partial_text = self._reader.partial_text() or None
        return self._notes.decoded(replace(outcome, failure=failure), partial_text=partial_text)

    def _outcome(self, transport_failure: Failure | None) -> Outcome:
        if self._kind is _Body.ERROR:
            return failed(http_failure(self._head, bytes(self._whole), secrets=self._settings.secrets))
        if self._events.fault is not None:
            return failed(self._failure(*self._events.fault))
        if self._kind is _Body.EVENTS:
            return self._stream_outcome(transport_failure)
        return self._whole_outcome(transport_failure)

    def _stream_outcome(self, transport_failure: Failure | None) -> Outcome:
        outcome = self._reader.outcome()
        if outcome is None:
            return failed(transport_failure or self._without_end())
        if not self._stream:
            self._notes.odd(Anomaly.STREAMED_UNASKED)
        if transport_failure is not None and outcome.failure is None:
            self._notes.odd(Anomaly.CUT_AFTER_END)
        return outcome

    def _without_end(self) -> Failure:
        """The body ended as HTTP wants it, but no terminal event came: only that one makes an answer."""
        if self._events.ended_by_marker:
            return self._failure(FailureKind.STREAM_CUT, "the stream ended with [DONE] but without a terminal event")
        if self._notes.n_events or self._is_declared_stream:
            return self._failure(
                FailureKind.STREAM_CUT, f"the stream ended after {self._notes.n_events} events without a terminal event"
            )
        return self._failure(FailureKind.PROTOCOL, "the body is neither JSON nor an event stream: check base_url")

    @property
    def _is_declared_stream(self) -> bool:
        return "text/event-stream" in self._head.headers.get("content-type", "").lower()

    def _whole_outcome(self, transport_failure: Failure | None) -> Outcome:
        if self._is_too_large:
            size = self._settings.max_event_bytes
            return failed(self._failure(FailureKind.TOO_LARGE, f"the body is larger than {size} bytes"))
        body = bytes(self._whole).lstrip(_BLANK).rstrip(b" \t\r\n")
        if not body:
            return failed(transport_failure or self._empty())
        try:
            outcome = self._reader.body(parse_json(body))
        except MalformedJsonError as error:
            return failed(transport_failure or self._unreadable(body, error))
        except OutputTooLargeError as error:
            return failed(self._failure(FailureKind.TOO_LARGE, str(error)))
        if outcome is None:
            return failed(self._not_an_answer(body))
        self._notes.done_ns = self._last_ns
        if self._stream:
            self._notes.odd(Anomaly.NOT_STREAMED)
        return outcome

    def _empty(self) -> Failure:
        if self._is_declared_stream:
            return self._failure(FailureKind.STREAM_CUT, "the stream ended before any event")
        return self._failure(FailureKind.PROTOCOL, "the body is empty")

    def _unreadable(self, body: bytes, error: MalformedJsonError) -> Failure:
        if looks_like_html(body):
            return self._failure(FailureKind.PROTOCOL, "the service answered with an HTML page: check base_url")
        return self._failure(FailureKind.PROTOCOL, f"the body is no JSON: {error}")

    def _not_an_answer(self, body: bytes) -> Failure:
        error = error_object(parse_json(body))
        if error is None:
            return self._failure(
                FailureKind.PROTOCOL, "the body is JSON but no answer of this protocol: check base_url and protocol"
            )
        failure = self._failure(FailureKind.PROTOCOL, f"an error object with HTTP {self._head.status}: {error.message}")
        return replace(failure, code=error.code or error.type, param=error.param)

    def _failure(self, kind: FailureKind, message: str) -> Failure:
        message = one_line(message, self._settings.secrets)
        return Failure(kind=kind, message=message, http_status=self._head.status)
