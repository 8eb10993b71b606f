"""The one list of faults: what happens, and what has to follow. Tests run it; the page of faults is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Course(StrEnum):
    """Rows of one course share a run of the real command, among cases that nothing happens to."""

    HARMLESS = "harmless"
    BROKEN = "broken"
    TOTAL_CLOCK = "total-clock"
    WAITS = "waits"
    TOO_LARGE = "too-large"
    WHOLE_BODY = "whole-body"
    STALE = "stale"
    QUOTA = "quota"
    KEY = "key"
    FORBIDDEN = "forbidden"
    NOBODY = "nobody"
    NO_ROOM = "no-room"
    EXPIRED = "expired"
    OTHER_HOST = "other-host"
    UNTRUSTED = "untrusted"
    CHAT = "chat"
    CHAT_BROKEN = "chat-broken"


class Place(StrEnum):
    """Where the suite's address leads to: the simulator, which may have a certificate, or nobody who answers."""

    SIMULATOR = "simulator"
    NOBODY = "no server"
    FULL_QUEUE = "a server that accepts nothing"
    EXPIRED = "`--tls-cert`, expired"
    OTHER_HOST = "`--tls-cert`, of another host"
    UNTRUSTED = "`--tls-cert`, unknown"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How a course is run. ``endpoint`` and ``load`` are YAML for the suite; ``n_controls``: cases without a fault, or
    with the same one where the course is ``shared``, since there it is about those that come before or after."""

    exit_code: int
    endpoint: str = ""
    load: str = "concurrency: 12"
    request: str = ""
    n_controls: int = 4
    shared: bool = False
    place: Place = Place.SIMULATOR


CONDITIONS = {
    Course.HARMLESS: Conditions(exit_code=0),
    # As many as there are rows: a service that fails 20 calls in a row is left alone for half a minute.
    Course.BROKEN: Conditions(exit_code=3, n_controls=44, endpoint="timeouts_ms: {first_event: 2000, idle: 2000}"),
    Course.TOTAL_CLOCK: Conditions(exit_code=3, endpoint="timeouts_ms: {total: 1500}"),
    # One after the other: a wait that one call is asked for holds all others back too, and so does a service that is
    # down for a moment.
    Course.WAITS: Conditions(exit_code=0, load="concurrency: 1"),
    Course.TOO_LARGE: Conditions(exit_code=3),
    Course.WHOLE_BODY: Conditions(exit_code=3, request="request: {stream: false}"),
    # Longer between two requests than what counts as idle.
    Course.STALE: Conditions(exit_code=0, load="concurrency: 1, think_ms: 1300", n_controls=2, shared=True),
    Course.QUOTA: Conditions(exit_code=4, load="concurrency: 1", shared=True),
    Course.KEY: Conditions(exit_code=4, load="concurrency: 1", shared=True),
    Course.FORBIDDEN: Conditions(exit_code=4, load="concurrency: 1", shared=True),
    Course.NOBODY: Conditions(exit_code=4, load="concurrency: 1", shared=True, place=Place.NOBODY),
    Course.NO_ROOM: Conditions(
        exit_code=4, load="concurrency: 1", shared=True, place=Place.FULL_QUEUE, endpoint="timeouts_ms: {connect: 500}"
    ),
    Course.EXPIRED: Conditions(exit_code=4, load="concurrency: 1", shared=True, place=Place.EXPIRED),
    Course.OTHER_HOST: Conditions(exit_code=4, load="concurrency: 1", shared=True, place=Place.OTHER_HOST),
    Course.UNTRUSTED: Conditions(exit_code=4, load="concurrency: 1", shared=True, place=Place.UNTRUSTED),
    Course.CHAT: Conditions(exit_code=0, endpoint="protocol: chat"),
    Course.CHAT_BROKEN: Conditions(
        exit_code=3,
        endpoint="protocol: chat, timeouts_ms: {idle: 2000}, limits: {max_output_bytes: 2000000}",
        n_controls=16,
    ),
}


@dataclass(frozen=True, kw_only=True)
class FaultRow:
    """One fault that meets every attempt of its trial, unless its course says otherwise.

    ``fault`` as in a file for ``--faults``, ``{elsewhere}`` being an address of another origin; empty where no server
    is needed. ``kind``, ``clock`` and ``says`` (a part of the message) are the failure's. ``requests``: how many the
    server has to see. Where that is more than one, the same fault meets a first attempt alone in a second run, and
    the trial has to be ok after two. ``keeps_text``: what came before it broke off is kept. ``usage``: which counts
    are known. ``begins``: the beginning of the answer, to the byte. ``hint_ms``: the wait that was asked for.
    ``n_failed``: the most attempts that fail before the one that is answered, and at least one does where it is not 0:
    a service that is down for a while may be back by the second attempt where the machine is slow to make it.
    """

    name: str
    what: str
    fault: str
    course: Course
    status: Literal["ok", "incomplete", "refused", "error"] = "error"
    kind: str | None = None
    clock: str | None = None
    says: str = ""
    requests: int = 1
    keeps_text: bool = False
    anomalies: tuple[str, ...] = ()
    usage: Literal["all", "input", "none"] = "all"
    begins: str = ""
    hint_ms: float = 0.0
    n_failed: int = 0
    stop_reason: str | None = None

    @property
    def is_retried(self) -> bool:
        """Whether a second run asks what becomes of it when it happens once."""
        return self.status == "error" and self.requests > 1


def _harmless(name: str, what: str, fault: str, *anomalies: str, **more: object) -> FaultRow:
    made = {"course": Course.HARMLESS, "status": "ok", "anomalies": anomalies, **more}
    return FaultRow(name=name, what=what, fault=fault, **made)  # type: ignore[arg-type]


def _broken(name: str, what: str, fault: str, kind: str, requests: int, says: str, **more: object) -> FaultRow:
    made = {"course": Course.BROKEN, "kind": kind, "requests": requests, "says": says, **more}
    return FaultRow(name=name, what=what, fault=fault, **made)  # type: ignore[arg-type]


def _unreachable(name: str, what: str, course: Course, says: str, **more: object) -> FaultRow:
    made = {"kind": "connection", "requests": 0, "fault": "", **more}
    return FaultRow(name=name, what=what, course=course, says=says, **made)  # type: ignore[arg-type]


def _cut(name: str, what: str, fault: str, says: str) -> FaultRow:
    return _broken(name, what, fault, "stream_cut", 3, says, keeps_text=True)


def _hinted(name: str, what: str, fault: str, hint_ms: float) -> FaultRow:
    return FaultRow(
        name=name, what=what, fault=fault, course=Course.WAITS,
        status="ok", requests=2, n_failed=1, kind="rate_limit", hint_ms=hint_ms,
    )  # fmt: skip


def _stalled(name: str, what: str, fault: str, clock: str, says: str, *, keeps_text: bool = False) -> FaultRow:
    return _broken(name, what, fault, "timeout", 3, says, clock=clock, keeps_text=keeps_text)


def _too_large(name: str, what: str, fault: str, says: str, **more: object) -> FaultRow:
    return _broken(name, what, fault, "too_large", 1, says, course=Course.TOO_LARGE, **more)


def _chat(name: str, what: str, fault: str, *anomalies: str, **more: object) -> FaultRow:
    return _harmless(name, what, fault, *anomalies, course=Course.CHAT, **more)


def _chat_broken(name: str, what: str, fault: str, kind: str, requests: int, says: str, **more: object) -> FaultRow:
    return _broken(name, what, fault, kind, requests, says, course=Course.CHAT_BROKEN, **more)


def _chat_cut(name: str, what: str, fault: str, says: str) -> FaultRow:
    return _chat_broken(name, what, fault, "stream_cut", 3, says, keeps_text=True)


#: Title of a group to its rows.
GROUPS: Mapping[str, tuple[FaultRow, ...]] = {
    "Waits that the service asks for": (
        _hinted("hint-seconds", "429 with `retry-after` in seconds", "rate_limit;retry_after=1", 1_000),
        _hinted("hint-milliseconds", "429 with `retry-after-ms`", "rate_limit;retry_after_ms=700", 700),
    # Dates have whole seconds: between two and three from now.
        _hinted("hint-date", "429 with `retry-after` as a date", "rate_limit;retry_after_date=3", 2_000),
        FaultRow(
            name="hint-unavailable", what="503 with `retry-after`", fault="status;code=503;retry_after=1",
            course=Course.WAITS, status="ok", requests=2, n_failed=1, kind="server", hint_ms=1_000,
    ),
        _broken("hint-hour", "429 that asks for an hour, longer than `retry.max_retry_after_ms`",
                "rate_limit;retry_after=3600", "rate_limit", 1, "HTTP 429", hint_ms=3_600_000),
        _broken("hint-nonsense", "429 with a `retry-after` that is none", "rate_limit;retry_after=soon", "rate_limit",
                3, "HTTP 429"),
        _broken("rate-limit", "429 without a hint", "rate_limit", "rate_limit", 3, "HTTP 429"),
        _broken("told-not-to", "500 with `x-should-retry: false`", "status;code=500;should_retry=false", "server", 1,
                "HTTP 500"),
        _broken("told-to", "400 with `x-should-retry: true`", "status;code=400;should_retry=true", "request", 3,
                "HTTP 400"),
    ),
    "Another response than an answer": (
        _broken("server-error", "500", "status;code=500", "server", 3, "HTTP 500"),
        _broken("bad-gateway", "502 with a web page", "status;code=502;body=html", "server", 3,
                "HTTP 502 with an HTML page instead of an API error"),
        _broken("unavailable", "503", "status;code=503", "server", 3, "overloaded"),
        _broken("gateway-timeout", "504 with plain text", "status;code=504;body=text", "server", 3, "HTTP 504"),
        _broken("overloaded", "529 with an empty body", "status;code=529;body=empty", "server", 3,
                "HTTP 529 with an empty body"),
        _broken("request-timeout", "408", "status;code=408", "server", 3, "HTTP 408"),
        _broken("conflict", "409", "status;code=409", "server", 3, "HTTP 409"),
        _broken("bad-request", "400", "status;code=400", "request", 1, "HTTP 400"),
        _broken("not-found", "404", "status;code=404", "request", 1, "HTTP 404"),
        _broken("payload-too-large", "413 with a web page", "status;code=413;body=html", "request", 1, "HTTP 413"),
        _broken("unprocessable", "422 with plain text", "status;code=422;body=text", "request", 1, "HTTP 422"),
        _broken("web-page", "200 with a web page", "html", "protocol", 2, "the service answered with an HTML page"),
        _broken("error-with-success", "200 with an error object", "status;code=200", "protocol", 2,
                "an error object with HTTP 200"),
        _broken("redirect", "A redirect to another origin", "redirect;to={elsewhere}", "redirect", 1,
                "which is never followed"),
        _broken("see-other", "A redirect that other clients follow with GET", "redirect;code=303;to={elsewhere}",
                "redirect", 1, "which is never followed"),
        FaultRow(name="quota", what="429 insufficient_quota", fault="quota", course=Course.QUOTA, kind="quota",
                 says="exceeded your current quota"),
        FaultRow(name="wrong-key", what="401 to the first call", fault="status;code=401", course=Course.KEY,
                 kind="auth", says="HTTP 401"),
        FaultRow(name="forbidden", what="403 to the first call", fault="status;code=403", course=Course.FORBIDDEN,
                 kind="auth", says="HTTP 403"),
    ),
    "No response": (
        _unreachable("nobody", "Nobody listens", Course.NOBODY, "nothing listens at"),
        _unreachable("no-room", "Nobody takes the connection within `timeouts_ms.connect`", Course.NO_ROOM,
                     "no connection to", kind="timeout", clock="connect"),
        _unreachable("expired", "A certificate that has expired", Course.EXPIRED, "certificate has expired"),
        _unreachable("other-host", "A certificate of another host", Course.OTHER_HOST,
                     "certificate is not valid for '127.0.0.1'"),
        _unreachable("untrusted", "A certificate of an authority that this machine does not know", Course.UNTRUSTED,
                     "unable to get local issuer certificate"),
        FaultRow(name="down-for-a-moment", what="A reset, and then refused connections for 0.9 s",
                 fault="refuse;ms=900", course=Course.WAITS, status="ok", requests=2, n_failed=2,
                 kind="connection"),
        _broken("reset", "Reset before a byte of an answer", "reset", "connection", 3, "reset the connection"),
        _broken("close", "Closed before a byte of an answer", "close", "connection", 3, "the connection was closed"),
        _broken("garbage", "What comes is no HTTP", "garbage", "connection", 3, "is not HTTP/1.1"),
        _broken("head-reset", "Reset in the middle of the response head", "cut;where=head;how=reset", "connection", 3,
                "reset the connection"),
        _broken("head-closed", "Closed in the middle of the response head", "cut;where=head", "connection", 3,
                "the connection was closed"),
        FaultRow(name="stale", what="A kept connection that was idle is reset by the next request, unread",
                 fault="stale", course=Course.STALE, status="ok", anomalies=("resent",)),
    ),
    "Streams without their end": (
        _cut("event-reset", "Reset in the middle of an event", "cut;how=reset", "broke off"),
        _cut("event-closed", "Closed in the middle of an event", "cut", "broke off"),
        _cut("chunk-closed", "Closed in the middle of a chunk", "cut;where=chunk", "broke off"),
        _cut("character-closed", "Closed in the middle of a character", "cut;where=character", "broke off"),
        _cut("clean-end", "A clean end after a whole event, without a terminal one", "cut;how=clean",
             "without a terminal event"),
        _cut("no-terminal", "All but the terminal event", "no_terminal", "without a terminal event"),
        _cut("done-alone", "`[DONE]` without a terminal event", "no_terminal;done=true", "with [DONE] but without"),
        _broken("response-failed", "`response.failed` in mid-stream", "failed", "server", 3, "had an error",
                keeps_text=True),
        _broken("error-event", "An error event, and then nothing", "error", "server", 3, "had an error",
                keeps_text=True),
        _broken("error-then-failed", "A nested error event, then `response.failed`",
                "error;shape=nested;then_failed=true", "server", 3, "had an error", keeps_text=True),
        _broken("malformed", "An event that is no JSON", "malformed", "protocol", 2, "an event is no JSON",
                keeps_text=True),
        _broken("bad-character", "A byte that is no UTF-8", "invalid_utf8", "protocol", 2, "invalid UTF-8",
                keeps_text=True),
    ),
    "Silence": (
        _stalled("silent-head", "Silence before the response head", "stall;where=head", "first_event", "no data from"),
        _stalled("silent-start", "Silence before the first event", "stall;where=first", "first_event", "no data from"),
        _stalled("commented-start", "Comments instead of a first event", "stall;where=first;keepalive=50",
                 "first_event", "no data from"),
        _stalled("silent-middle", "Silence in mid-stream", "stall", "idle", "no data from", keeps_text=True),
        _stalled("commented-middle", "Comments instead of the rest", "stall;keepalive=50", "idle", "no data from",
                 keeps_text=True),
        FaultRow(name="too-slow", what="An answer that takes longer than `timeouts_ms.total`", fault="stall",
                 course=Course.TOTAL_CLOCK, kind="timeout", clock="total", requests=3, says="took longer than",
                 keeps_text=True),
    ),
    "Too much": (
        _too_large("endless-text", "A text without end (over `limits.max_output_bytes`, 32 MiB)", "endless",
                   "the output is larger than", keeps_text=True),
        _too_large("endless-comments", "Comments without end (over `limits.max_body_bytes`, 128 MiB)",
                   "endless;what=comments", "the body is larger than"),
        _too_large("bomb", "A compressed body that unpacks to 1 GiB", "bomb", "the body is larger than"),
        _too_large("endless-head", "A response head without end", "endless;what=head", "the response head"),
    ),
    "Answers that are not streamed": (
        FaultRow(name="body-closed", what="A whole body that is cut short", fault="cut", course=Course.WHOLE_BODY,
                 kind="stream_cut", requests=3, says="broke off"),
        FaultRow(name="body-short", what="A whole body of half a JSON, cleanly ended", fault="cut;how=clean",
                 course=Course.WHOLE_BODY, kind="protocol", requests=2, says="no JSON"),
    ),
    "Answers that stand": (
        _harmless("refusal", "The model refuses", "refusal", status="refused", stop_reason="completed"),
        _harmless("cut-by-limit", "The answer breaks off at `max_output_tokens`", "incomplete", status="incomplete",
                  stop_reason="max_output_tokens"),
        _harmless("cut-by-filter", "The answer breaks off at the content filter", "incomplete;reason=content_filter",
                  status="incomplete", stop_reason="content_filter"),
        _harmless("duplicate", "An event twice", "duplicate;after=8", "sequence", "deltas_differ"),
        _harmless("missing", "An event is missing", "missing;after=8", "sequence", "deltas_differ"),
        _harmless("swapped", "Two events in the wrong order", "swapped;after=8", "sequence", "deltas_differ"),
        _harmless("no-deltas", "The finished text alone, no deltas", "no_deltas", "no_deltas"),
        _harmless("error-after-end", "An error event behind the terminal one", "error;after=9999", "event_after_end"),
        _harmless("repeated-id", "A response id that was given before", "repeated_id", "repeated_id"),
        _harmless("no-usage", "No usage", "no_usage", "usage_missing", usage="none"),
        _harmless("usage-sum", "A total of tokens that is not their sum", "usage", "usage_sum", usage="none"),
        _harmless("usage-negative", "A negative count of tokens", "usage;kind=negative", "usage_invalid",
                  usage="input"),
        _harmless("usage-nan", "A count that is NaN", "usage;kind=nan", "usage_invalid", usage="input"),
        _harmless("usage-text", "A count that is text", "usage;kind=text", "usage_invalid", usage="input"),
        _harmless("usage-huge", "A count above 2^53", "usage;kind=huge", "usage_invalid", usage="input"),
        _harmless("ansi", "Control sequences of a terminal in the answer", "text;kind=ansi",
                  begins="\x1b[31mred\x1b[0m \x1b]0;title\x07"),
        _harmless("nul", "A NUL in the answer", "text;kind=nul", begins="a\0b "),
        _harmless("surrogate", "A lone surrogate in the answer", "text;kind=surrogate", begins="\ud800 "),
        _harmless("brackets", "100,000 opening brackets in the answer", "text;kind=brackets", begins="[" * 100_000),
        _harmless("large-delta", "A delta of 8 MiB", "long", begins="All work and no play. "),
        _harmless("many-deltas", "100,000 deltas", "long;deltas=100000;bytes=6", begins="All w "),
        _harmless("unknown-event", "An event of an unknown type", "unknown"),
        _harmless("crlf", "Lines end in CRLF", "newline"),
        _harmless("cr", "Lines end in CR", "newline;kind=cr"),
        _harmless("bom", "A byte order mark", "bom"),
        _harmless("fields", "Comments, `id`, `retry`, unknown fields, data in several lines", "fields"),
        _harmless("together", "All events in one write", "together"),
        _harmless("bytewise", "Each byte in a write of its own", "bytewise"),
        _harmless("split", "Each event in several writes", "split"),
        _harmless("content-type", "A content type that is not that of the body", "content_type"),
        _harmless("gzip", "Compressed by gzip, flushed after each event", "gzip"),
        _harmless("gzip-unflushed", "Compressed by gzip, not flushed", "gzip;flush=false"),
        _harmless("deflate", "Compressed by deflate", "encoding"),
        _harmless("bare-deflate", "Compressed by deflate without its header", "encoding;kind=bare-deflate"),
        _harmless("extensions", "Chunks with extensions, and trailers", "framing"),
        _harmless("no-length", "Neither length nor chunks: the body ends with the connection", "framing;kind=close"),
        _harmless("interim", "An interim response before the head", "interim"),
        _harmless("continues", "Three times 100 Continue before the head", "interim;code=100;times=3"),
    ),
    "The same in the chat dialect (`protocol: chat`)": (
        _chat_broken("chat-hint-hour", "429 that asks for an hour", "rate_limit;retry_after=3600", "rate_limit", 1,
                     "HTTP 429", hint_ms=3_600_000),
        _chat_broken("chat-bad-gateway", "502 with a web page", "status;code=502;body=html", "server", 3,
                     "HTTP 502 with an HTML page instead of an API error"),
        _chat_broken("chat-web-page", "200 with a web page", "html", "protocol", 2,
                     "the service answered with an HTML page"),
        _chat_broken("chat-error-with-success", "200 with an error object", "status;code=200", "protocol", 2,
                     "an error object with HTTP 200"),
        _chat_broken("chat-reset", "Reset before a byte of an answer", "reset", "connection", 3,
                     "reset the connection"),
        _chat_cut("chat-event-reset", "Reset in the middle of an event", "cut;how=reset", "broke off"),
        _chat_cut("chat-character-closed", "Closed in the middle of a character", "cut;where=character", "broke off"),
        _chat_cut("chat-clean-end", "A clean end after a whole event, without a finish reason", "cut;how=clean",
                  "without"),
        _chat_cut("chat-no-terminal", "All but the finish reason and `[DONE]`", "no_terminal", "without"),
        _chat_cut("chat-done-alone", "`[DONE]` without a finish reason", "no_terminal;done=true", "without"),
        _chat_broken("chat-error-event", "An error event, and then nothing", "error", "server", 3, "had an error",
                     keeps_text=True),
        _chat_broken("chat-malformed", "An event that is no JSON", "malformed", "protocol", 2, "an event is no JSON",
                     keeps_text=True),
        _chat_broken("chat-bad-character", "A byte that is no UTF-8", "invalid_utf8", "protocol", 2, "invalid UTF-8",
                     keeps_text=True),
        _chat_broken("chat-silent-middle", "Silence in mid-stream", "stall", "timeout", 3, "no data from",
                     clock="idle", keeps_text=True),
        _chat_broken("chat-endless-text", "A text without end (over `limits.max_output_bytes`)", "endless",
                     "too_large", 1, "the output is larger than", keeps_text=True),
        _chat("chat-refusal", "The model refuses", "refusal", status="refused", stop_reason="completed"),
        _chat("chat-cut-by-limit", "The answer breaks off at the limit of its tokens", "incomplete",
              status="incomplete", stop_reason="max_output_tokens"),
        _chat("chat-cut-by-filter", "The answer breaks off at the content filter", "incomplete;reason=content_filter",
              status="incomplete", stop_reason="content_filter"),
        _chat("chat-no-usage", "No usage", "no_usage", "usage_missing", usage="none"),
        _chat("chat-usage-sum", "A total of tokens that is not their sum", "usage", "usage_sum", usage="none"),
        _chat("chat-usage-negative", "A negative count of tokens", "usage;kind=negative", "usage_invalid",
              usage="input"),
        _chat("chat-surrogate", "A lone surrogate in the answer", "text;kind=surrogate", begins="\ud800 "),
        _chat("chat-unknown-event", "A chunk with an unknown field alone", "unknown"),
        _chat("chat-crlf", "Lines end in CRLF", "newline"),
        _chat("chat-fields", "Comments, `id`, `retry`, unknown fields, data in several lines", "fields"),
        _chat("chat-bytewise", "Each byte in a write of its own", "bytewise"),
        _chat("chat-gzip-unflushed", "Compressed by gzip, not flushed", "gzip;flush=false"),
    ),
}  # fmt: skip

ROWS: tuple[FaultRow, ...] = tuple(row for rows in GROUPS.values() for row in rows)
