"""What a service did wrong, as data: a failed call is a result, not an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """The closed list of ways a call can fail. Exports and reports print these words."""

    CONNECTION = "connection"
    TIMEOUT = "timeout"
    STREAM_CUT = "stream_cut"
    PROTOCOL = "protocol"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    AUTH = "auth"
    REQUEST = "request"
    SERVER = "server"
    TOO_LARGE = "too_large"
    REDIRECT = "redirect"
    CANCELLED = "cancelled"


class Clock(StrEnum):
    """Which of the four clocks ran out."""

    CONNECT = "connect"
    FIRST_EVENT = "first_event"
    IDLE = "idle"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a call has no answer.

    ``message`` is one sentence, redacted, safe to print. ``code`` and ``param`` are the service's own
    words where it sent an error object. ``body_excerpt`` holds at most the first 2 KiB of the body, redacted, with
    bytes that are no UTF-8 as ``\\xNN``; None where none came. ``retry_after_ms`` is the wait the service asked for,
    None where it asked for none; ``should_retry`` its explicit wish (``x-should-retry``), None where it expressed none.
    """

    kind: FailureKind
    message: str
    http_status: int | None = None
    code: str | None = None
    param: str | None = None
    clock: Clock | None = None
    retry_after_ms: float | None = None
    should_retry: bool | None = None
    body_excerpt: str | None = None
